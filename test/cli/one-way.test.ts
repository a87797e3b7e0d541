import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { runDaemon } from '../helpers/daemon.ts';
import { soon } from '../helpers/patience.ts';
import { startFakeDaemon } from './fake-daemon.ts';
import { runCli } from './run-cli.ts';

const bin = join(import.meta.dirname, '..', '..', 'bin', 'autocached.ts');

describe('wrong use is told to programs as JSON on standard output', () => {
  test.each([
    [['statsu'], "unknown command 'statsu'", 'Did you mean status?'],
    [['list', '--srot', 'size'], "unknown option '--srot'", 'Did you mean --sort?'],
    [['lookup'], "missing required argument 'file'", 'autocached lookup --help'],
    [['list', '--limit', '0'], expect.stringContaining('expected a whole number from 1'), 'autocached list --help'],
    [[], 'no command is given', 'autocached --help'],
    [['help', 'statsu'], "unknown command 'statsu'", 'autocached --help'],
    [['start', '--set', 'FOO=1'], 'there is no setting FOO', expect.stringMatching(/^did you mean AUTOCACHE_\w+\?$/)],
    [['start', '--set', 'LIMTI=1GiB'], 'there is no setting LIMTI', 'did you mean AUTOCACHE_LIMIT?'],
  ])('%j', async (args, message, hint) => {
    const { code, out, err } = await runCli([...args, '--json']);
    expect({ code, err }).toEqual({ code: 2, err: '' });
    expect(JSON.parse(out)).toEqual({ error: { code: 'BAD_REQUEST', message, hint } });
  });
});

test.each([
  [['analyze', '/no/such/workflow.json'], '/no/such/workflow.json cannot be read as a workflow: no such file or directory'],
  [['simulate', '/no/such/trace'], '/no/such/trace cannot be read: no such file or directory'],
])('a file that is not there is told in words, without the names of system calls: %j', async (args, message) => {
  await using daemon = await startFakeDaemon();
  const { code, err } = await runCli(args, { stateDir: daemon.stateDir });
  expect({ code, message: err.split('\n')[0] }).toEqual({ code: 2, message: `autocached: ${message}` });
});

test('wrong use looks like every other error to people', async () => {
  const { err } = await runCli(['list', '--srot', 'size']);
  expect(err).toBe("autocached: unknown option '--srot'\n  hint: Did you mean --sort?\n");
});

test.skipIf(process.platform === 'win32')(
  'a reader that leaves early is no error: --help | head -1',
  { tags: 'slow' },
  async () => {
    const run = promisify(execFile);
    const command = `{ "$0" "$1" --help; echo "code $?" >&2; } | head -1`;
    const { stdout, stderr } = await run('sh', ['-c', command, process.execPath, bin]);
    expect(stdout).toBe('Usage: autocached [options] [command]\n');
    expect(stderr).toBe('code 0\n');
  },
);

test('a number of uses, and of files, is written in one way', async () => {
  const items = Array.from({ length: 2000 }, (_, index) => ({
    item: `/a${index}`,
    ready: true,
    reason: 'HIT',
    size: 1,
    job: null,
  }));
  await using daemon = await startFakeDaemon({ 'POST /api/cache/warm': () => ({ items, ready: 2000, missing: 0 }) });
  const { out } = await runCli(['warm', '/a', '--check'], { stateDir: daemon.stateDir });
  expect(out).toContain('2,000 of 2,000 files ready');
});

describe('what is not in the queue is not called queued', () => {
  const files = { 'loras/style fp8.safetensors': 1000, 'loras/other.safetensors': 1000 };

  test('by warm --check, explain, list and status of files that nobody has asked for', async () => {
    const { stateDir, root } = await runDaemon(files);
    const style = join(root, 'loras/style fp8.safetensors');
    for (const args of [['warm', '--check', style], ['explain', style], ['list'], ['status'], ['jobs']]) {
      const { out } = await runCli(args, { stateDir, columns: 80 });
      expect(out, args[0]).not.toMatch(/queued/i);
    }
    expect((await runCli(['explain', style], { stateDir })).out).toContain(
      'now     not copied yet: the next load starts a copy',
    );
  });
});

describe('files are named as people know them', () => {
  const files = { 'loras/style fp8.safetensors': 1000, 'loras/other.safetensors': 1000, 'vae/x.safetensors': 1000 };

  async function daemonWithModels() {
    const daemon = await runDaemon(files);
    const run = (...words: string[]) => runCli(words, { stateDir: daemon.stateDir, cwd: daemon.dir });
    // Until the first walk of the root has ended, what lies on it is not known.
    await expect
      .poll(async () => (await runCli(['warm', 'loras/*', '--check', '--json'], { stateDir: daemon.stateDir })).code, soon())
      .toBe(4);
    return { daemon, run };
  }

  test('by globs of what lies on the sources, in every command', async () => {
    const { run } = await daemonWithModels();
    expect((await run('warm', 'loras/*')).out).toContain('2 of 2 files ready');
    expect((await run('pin', '*fp8*')).out).toContain('pinned 1 file, 1000 B\n  loras/style fp8.safetensors');
    expect((await run('unpin', '*fp8*')).code).toBe(0);
    expect((await run('verify', 'loras/*')).out).toMatch(
      /OK .*other\.safetensors\nOK .*style fp8\.safetensors\n2 copies verified/,
    );
    expect(JSON.parse((await run('explain', 'loras/*', '--json')).out)).toHaveLength(2);
    expect((await run('evict', 'loras/*')).out).toContain('deleted 2 copies');
    expect(await run('evict', 'nothing*')).toMatchObject({ code: 1, err: expect.stringContaining('nothing matches nothing*') });
  });

  test('and a misspelt one is told with the one that was meant', async () => {
    const { run } = await daemonWithModels();
    const meant = 'did you mean loras/style fp8.safetensors?';
    for (const command of ['pin', 'unpin', 'evict', 'verify']) {
      const { code, err } = await run(command, 'loras/stlye fp8.safetensors');
      expect({ command, code, err }).toEqual({ command, code: 1, err: expect.stringContaining(meant) });
    }
    expect((await run('warm', 'loras/stlye fp8.safetensors')).out).toContain(meant);
    expect((await run('explain', 'loras/stlye fp8.safetensors')).out).toContain(meant);
    expect((await run('explain', 'loras/style fp8.safetensors')).out).toContain('now     not copied yet');
  });

  test('verify of a file without a copy has verified nothing', async () => {
    const { run } = await daemonWithModels();
    expect(await run('verify', 'vae/x.safetensors')).toMatchObject({
      code: 1,
      out: expect.stringMatching(/skipped .*vae\/x\.safetensors: it has no copy\nnothing verified\n/),
    });
  });
});
