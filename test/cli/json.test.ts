import { Command } from 'commander';
import { expect, test, vi } from 'vitest';
import { addCommands } from '../../src/cli/commands.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { runCli } from './run-cli.ts';

/** Every command that can be called, by its words. */
async function commands(): Promise<string[][]> {
  const program = new Command();
  await addCommands(program, () => async () => {}, []);
  const leaves = (command: Command, path: string[]): string[][] =>
    command.commands.length === 0 ? [path] : command.commands.flatMap((child) => leaves(child, [...path, child.name()]));
  return leaves(program, []);
}

const errorOf = (out: string) => (JSON.parse(out) as { error?: { code: string; message: string; hint: string | null } }).error;

test('--json gives one JSON document on standard output for wrong use of every command', async () => {
  for (const words of await commands()) {
    const { code, out, err } = await runCli([...words, '--no-such-option', '--json']);
    expect(code, words.join(' ')).toBe(2);
    expect(err, words.join(' ')).toBe('');
    expect(errorOf(out), words.join(' ')).toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringContaining('no-such-option'),
    });
    expect(errorOf(out)).toHaveProperty('hint');
  }
});

test('--json gives one JSON document without a daemon, whether the command needs one or not', async () => {
  const home = tempDir();
  vi.stubEnv('HOME', home);
  for (const name of ['XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME']) vi.stubEnv(name, undefined);
  const calls = [
    ...['status', 'list', 'jobs', 'logs', 'events', 'dashboard', 'stop', 'mode', 'config', 'bring-back', 'uninstall'].map(
      (one) => [one],
    ),
    ...['explain', 'lookup', 'warm', 'pin', 'unpin', 'evict', 'verify', 'take-over', 'analyze', 'run'].map((one) => [
      one,
      home,
    ]),
    ['jobs', '--follow'],
    ['status', '--watch'],
    ['status', '--ram'],
    ['purge', '--all'],
    ['purge'],
    ['verify'],
    ['root', 'forget', home],
    ['service', 'uninstall'],
    ['service', 'status'],
    ['comfyui', 'status', home],
    ['preset', 'list'],
    ['preset', 'show', 'no such preset'],
    ['preset', 'cache'],
    ['simulate'],
    ['completion', 'bash'],
    ['man'],
    ['init'],
    ['kv', 'restore', 'none'],
    ...['status', 'list', 'verify', 'clear'].map((one) => ['memo', one]),
    ...['get', 'explain', 'invalidate', 'warm'].map((one) => ['memo', one, 'ffff']),
  ];
  for (const words of calls) {
    const { out, err } = await runCli([...words, '--json'], { stateDir: `${home}/state`, cwd: home, self: ['node', '/a.js'] });
    expect(() => JSON.parse(out), `${words.join(' ')}: ${out.slice(0, 200)}`).not.toThrow();
    expect(err, words.join(' ')).toBe('');
  }
});
