import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { refuse, startFakeDaemon } from './fake-daemon.ts';
import { runCli } from './run-cli.ts';
import { checkpoint, lora } from './samples.ts';

afterEach(() => vi.unstubAllEnvs());

describe('help', () => {
  test('names every command, and shows by example how to begin', async () => {
    const { code, out } = await runCli(['--help']);
    expect(code).toBe(0);
    const commands =
      'start stop restart mode config status list explain jobs events dashboard lookup warm pin unpin evict purge comfyui'.split(
        ' ',
      );
    for (const command of commands) expect(out).toMatch(new RegExp(`^  ${command} `, 'm'));
    expect(out).toContain('autocached start --roots /mnt/nas/models --detach');
  });

  test('of a command names what works with every command', async () => {
    const { code, out } = await runCli(['purge', '--help']);
    expect(code).toBe(0);
    expect(out).toContain('--older-than <duration>');
    expect(out).toContain('--json');
  });

  test('is what one gets without a command, and that is wrong use', async () => {
    const { code, out, err } = await runCli([]);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toContain('Usage: autocached');
  });

  test('tells the version of the package', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8'));
    expect(await runCli(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });
});

describe('wrong use ends with exit code 2 and says what was meant', () => {
  test.each([
    [['statsu'], 'Did you mean status?'],
    [['list', '--srot', 'size'], 'Did you mean --sort?'],
    [['list', '--sort', 'colour'], 'Allowed choices are name, size, uses, lastUsed, category'],
    [['list', '--limit', '0'], 'expected a whole number from 1, got "0"'],
    [['lookup'], "missing required argument 'file'"],
    [['lookup', 'a', '--wait', 'long'], 'expected a duration'],
    [['purge', '--larger-than', 'huge'], 'expected a size'],
    [['status', 'now'], "too many arguments for 'status'"],
    [
      ['mode', 'readonly'],
      "autocached: value 'readonly' is invalid for argument 'mode'. Allowed choices are off, read-only, read-write",
    ],
    [['init', '--yes', '--dir', ''], '--dir is empty'],
    [['status', '--state', ' '], '--state is empty'],
    [['evict', 'a', ''], 'file is empty'],
    [['uninstall', '--comfyui', 'a', '--comfyui', '', '--dry-run'], '--comfyui is empty'],
  ])('%s', async (args, message) => {
    const { code, out, err } = await runCli(args);
    expect(code).toBe(2);
    expect(err).toContain(message);
    expect(out).toBe('');
  });
});

describe('with no daemon', () => {
  const commands = [
    ['status'],
    ['list'],
    ['lookup', 'a'],
    ['warm', 'a'],
    ['purge', '--all', '--yes'],
    ['evict', 'a'],
    ['pin', 'a'],
    ['unpin', 'a'],
    ['explain', 'a'],
    ['jobs'],
    ['jobs', '--follow'],
    ['events'],
    ['dashboard'],
    ['mode'],
    ['config', 'AUTOCACHE_LIMIT=1GiB'],
    ['stop'],
  ];

  test.each(commands)('%s %s ends with exit code 3 and says how to start it', async (...args) => {
    await using directory = await emptyDirectory();
    const { code, out, err } = await runCli(args, { stateDir: directory.path });
    expect(code).toBe(3);
    expect(out).toBe('');
    expect(err).toBe('autocached: the daemon is not running\n  hint: autocached start\n');
  });

  test('a daemon.json that a crash left behind misleads nobody', async () => {
    await using daemon = await startFakeDaemon();
    await daemon.die();
    expect(await runCli(['status'], { stateDir: daemon.stateDir })).toEqual({
      code: 3,
      out: '',
      err: 'autocached: the daemon is not running\n  hint: autocached start\n',
    });
  });

  test('--json answers the error as the API would', async () => {
    await using directory = await emptyDirectory();
    const { code, out, err } = await runCli(['status', '--json'], { stateDir: directory.path });
    expect(code).toBe(3);
    expect(err).toBe('');
    expect(JSON.parse(out)).toEqual({
      error: { code: 'NOT_RUNNING', message: 'the daemon is not running', hint: 'autocached start' },
    });
  });
});

test('what the daemon refuses is said with its hint, and the exit code is 1', async () => {
  await using daemon = await startFakeDaemon({
    'POST /api/cache/pin': (_asked, response) =>
      refuse(response, 404, { code: 'NOT_FOUND', message: 'no such entry: 99', hint: 'autocached list' }),
  });
  const { code, err } = await runCli(['pin', '99'], { stateDir: daemon.stateDir });
  expect(code).toBe(1);
  expect(err).toBe('autocached: no such entry: 99\n  hint: autocached list\n');
});

describe('colours', () => {
  const daemonWithEntries = () =>
    startFakeDaemon({ 'GET /api/cache/entries': () => ({ total: 2, entries: [checkpoint, lora] }) });
  const colour = '\u001b[';

  test('are for terminals', async () => {
    vi.stubEnv('NO_COLOR', undefined);
    vi.stubEnv('CI', undefined);
    vi.stubEnv('TERM', 'xterm-256color');
    await using daemon = await daemonWithEntries();
    const stateDir = daemon.stateDir;
    expect((await runCli(['list'], { stateDir, columns: 100 })).out).toContain(colour);
    expect((await runCli(['list'], { stateDir })).out).not.toContain(colour);
  });

  test('are left out when NO_COLOR asks for it', async () => {
    vi.stubEnv('NO_COLOR', '1');
    vi.stubEnv('TERM', 'xterm-256color');
    await using daemon = await daemonWithEntries();
    expect((await runCli(['list'], { stateDir: daemon.stateDir, columns: 100 })).out).not.toContain(colour);
  });
});

test('a reader that has seen enough (list | head) ends the program without a crash', async () => {
  await using daemon = await startFakeDaemon();
  const out = new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error('EPIPE'), { code: 'EPIPE' })) });
  const err = new Writable({ write: (_chunk, _encoding, done) => done() });
  const host = { out, err, in: process.stdin, cwd: '/', self: [], signals: process };
  const ended = runProgram(['events', '--state', daemon.stateDir], host);
  await daemon.emit('mode-changed', { mode: 'off' });
  expect(await ended).toBe(0);
});

async function emptyDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'autocached-cli-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
