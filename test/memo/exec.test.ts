import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { BlobExchange } from '../../src/memo/blob-exchange.ts';
import { runCli } from '../cli/run-cli.ts';
import { daemonOfFile } from '../helpers/daemon.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** A script that notes each run in `runs`, and a shell that runs it through `memo exec`. */
async function createShell({ daemon = true } = {}) {
  const dir = tempDir();
  const stateDir = daemon ? (await daemonOfFile()).stateDir : join(dir, 'state');
  const script = join(dir, 'script.sh');
  const write = (text: string) => writeFileSync(script, `echo run >> '${join(dir, 'runs')}'\n${text}\n`);
  write('cat input; echo said >&2');
  writeFileSync(join(dir, 'input'), 'one');
  const exec = (options: string[] = [], { cwd = dir, command = ['sh', script], input = '' } = {}) =>
    runCli(['--state', stateDir, 'memo', 'exec', ...options, '--', ...command], { cwd, input });
  const runs = () => {
    try {
      return readFileSync(join(dir, 'runs'), 'utf8').split('\n').length - 1;
    } catch {
      return 0;
    }
  };
  return { dir, write, exec, runs };
}

describe('a command that was run before', () => {
  test('is not run again: what it printed is printed, and it has succeeded', async () => {
    const { exec, runs } = await createShell();
    const first = await exec(['--file', 'input']);
    expect(first).toEqual({ code: 0, out: 'one', err: 'said\n' });
    expect(await exec(['--file', 'input'])).toEqual(first);
    expect(runs()).toBe(1);
  });

  test('makes its files again, with their permissions', async () => {
    const { dir, write, exec, runs } = await createShell();
    write('printf made > out/made.bin; chmod 755 out/made.bin; printf other > other');
    mkdirSync(join(dir, 'out'));
    const options = ['--output', 'out/made.bin', '--output', 'other'];
    await exec(options);
    rmSync(join(dir, 'out'), { recursive: true });
    writeFileSync(join(dir, 'other'), 'changed since');
    expect((await exec(options)).code).toBe(0);
    expect(runs()).toBe(1);
    expect(readFileSync(join(dir, 'out/made.bin'), 'utf8')).toBe('made');
    expect(statSync(join(dir, 'out/made.bin')).mode & 0o777).toBe(0o755);
    expect(readFileSync(join(dir, 'other'), 'utf8')).toBe('other');
  });

  test('gives a large file to the daemon without sending it', async () => {
    const taken = vi.spyOn(BlobExchange.prototype, 'take');
    const { dir, write, exec, runs } = await createShell();
    write('head -c 2000000 /dev/zero > large');
    await exec(['--output', 'large']);
    expect(taken).toHaveBeenCalledOnce();
    rmSync(join(dir, 'large'));
    await exec(['--output', 'large']);
    expect([runs(), statSync(join(dir, 'large')).size]).toEqual([1, 2_000_000]);
    taken.mockRestore();
  });

  test('nothing of what it printed is lost when it ends at once', { tags: 'slow' }, async () => {
    const { exec } = await createShell();
    const words = Array.from({ length: 40 }, (_, index) => `word ${index}`);
    const printed = () => Promise.all(words.map(async (word) => (await exec([], { command: ['echo', word] })).out));
    const wanted = words.map((word) => `${word}\n`);
    expect(await printed()).toEqual(wanted);
    expect(await printed()).toEqual(wanted);
  });

  test('has what was piped into it in its key with --stdin only', async () => {
    const { exec, write, runs } = await createShell();
    write('cat');
    expect((await exec(['--stdin'], { input: 'one' })).out).toBe('one');
    expect((await exec(['--stdin'], { input: 'two' })).out).toBe('two');
    expect((await exec(['--stdin'], { input: 'one' })).out).toBe('one');
    expect(runs()).toBe(2);
  });

  test('prints bytes that are no text as they were', async () => {
    const { write, exec } = await createShell();
    write("head -c 300000 /dev/zero; printf '\\377\\000'");
    const first = await exec();
    expect(first.out.length).toBe(300_002);
    expect(await exec()).toEqual(first);
  });
});

describe('a command is run', () => {
  test.each([
    ['with another content of an input', (dir: string) => writeFileSync(join(dir, 'input'), 'two'), ['--file', 'input']],
    ['with another variable', () => vi.stubEnv('EXEC_TEST', 'b'), ['--env', 'EXEC_TEST']],
    ['with a variable that is not set', () => vi.stubEnv('EXEC_TEST', undefined), ['--env', 'EXEC_TEST']],
  ])('%s', async (_what, change, options) => {
    vi.stubEnv('EXEC_TEST', 'a');
    const { dir, exec, runs } = await createShell();
    await exec(options);
    await exec(options);
    expect(runs()).toBe(1);
    change(dir);
    await exec(options);
    expect(runs()).toBe(2);
    vi.unstubAllEnvs();
  });

  test('in another directory, unless it is told that this makes no difference', { tags: 'slow' }, async () => {
    const { dir, exec, runs } = await createShell();
    const cwd = join(dir, 'other');
    mkdirSync(cwd);
    writeFileSync(join(cwd, 'input'), 'one');
    await exec();
    await exec([], { cwd });
    expect(runs()).toBe(2);
    await exec(['--anywhere']);
    await exec(['--anywhere'], { cwd });
    expect(runs()).toBe(3);
    await exec(['--key', 'chosen']);
    await exec(['--key', 'chosen'], { cwd, command: ['sh', '-c', 'exit 1'] });
    expect(runs()).toBe(4);
  });

  test('each time when it fails, with its own exit code', async () => {
    const { write, exec, runs } = await createShell();
    write('echo broken >&2; exit 7');
    for (let run = 0; run < 2; run += 1) expect(await exec()).toEqual({ code: 7, out: '', err: 'broken\n' });
    expect(runs()).toBe(2);
    write('kill -TERM $$');
    expect((await exec()).code).toBe(128 + 15);
    expect((await exec([], { command: ['no-such-program'] })).code).toBe(127);
  });

  test('each time when an output is not made, which is said', async () => {
    const { exec, runs } = await createShell();
    for (let run = 0; run < 2; run += 1) {
      const { code, err } = await exec(['--output', 'made']);
      expect([code, err]).toEqual([0, expect.stringContaining('the result is not kept')]);
    }
    expect(runs()).toBe(2);
  });

  test('again when an input changed while it ran: it may have read either content', async () => {
    const { dir, write, exec, runs } = await createShell();
    write('cat input; printf two > input');
    await exec(['--file', 'input']);
    writeFileSync(join(dir, 'input'), 'one');
    write('cat input');
    await exec(['--file', 'input']);
    expect(runs()).toBe(2);
  });

  test('without the daemon', async () => {
    const { exec, runs } = await createShell({ daemon: false });
    expect(await exec(['--file', 'input'])).toEqual({ code: 0, out: 'one', err: 'said\n' });
    await exec(['--file', 'input']);
    expect(runs()).toBe(2);
  });

  test('not at all when an input cannot be read', async () => {
    const { dir, exec, runs } = await createShell();
    for (const [name, path] of [
      ['missing', join(dir, 'missing')],
      ['.', dir],
    ] as const) {
      const { code, err } = await exec(['--file', name]);
      expect([code, err]).toEqual([2, expect.stringContaining(`${path}: `)]);
    }
    expect(runs()).toBe(0);
  });

  test.each([
    ['--ttl', '1x'],
    ['--ns', 'a b'],
  ])('not at all with a %s that is none', async (...option) => {
    const { exec, runs } = await createShell();
    expect(await exec(option)).toMatchObject({ code: 2, err: expect.stringContaining('memo exec --help') });
    expect(runs()).toBe(0);
  });

  test('with all that comes after the dashes as its own', async () => {
    const { exec } = await createShell();
    expect((await exec([], { command: ['sh', '-c', 'echo "$@"', 'sh', '--json', '--key', 'x'] })).out).toBe('--json --key x\n');
  });
});

test('a file that was made by its owner only stays so', async () => {
  const { dir, write, exec } = await createShell();
  write('printf secret > made; chmod 600 made');
  await exec(['--output', 'made']);
  chmodSync(join(dir, 'made'), 0o644);
  await exec(['--output', 'made']);
  expect(statSync(join(dir, 'made')).mode & 0o777).toBe(0o600);
});
