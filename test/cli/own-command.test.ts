import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import { addCommands, commandNames } from '../../src/cli/commands.ts';
import { ownCommand } from '../../src/cli/own-command.ts';
import { printAnswer } from '../../src/cli/print.ts';
import { allFacts } from '../../src/cli/reference/all.ts';
import { allCommands } from '../../src/cli/reference/tree.ts';
import { doctorPage } from '../../src/cli/text/doctor-page.ts';
import type { Look } from '../../src/cli/text/look.ts';
import { shellWord } from '../../src/cli/text/shell-word.ts';
import { withOwnCommand } from '../../src/cli/with-own-command.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** A clone with its built program, beside a directory of the PATH with a Node. */
function clone(name = 'autocached') {
  const dir = tempDir();
  const [bin, script] = [join(dir, 'bin'), join(dir, name, 'dist/bin/autocached.js')];
  for (const directory of [bin, join(dir, name, 'dist/bin')]) mkdirSync(directory, { recursive: true });
  for (const file of [script, join(bin, 'node')]) writeFileSync(file, '');
  vi.stubEnv('PATH', bin);
  vi.stubEnv('npm_command', undefined);
  vi.stubEnv('INIT_CWD', undefined);
  const self = [join(dir, 'own/node'), '--no-warnings', script];
  return { dir, bin, script, self, cwd: join(dir, name) };
}

describe.skipIf(process.platform === 'win32')('a command in a text', () => {
  test('is called by its file where the PATH does not lead to it, as after npm start', () => {
    const { dir, script, self, cwd } = clone();
    expect(withOwnCommand('autocached status', { self, cwd })).toBe('node dist/bin/autocached.js status');
    expect(withOwnCommand('autocached status', { self, cwd: dir })).toBe('node autocached/dist/bin/autocached.js status');
    // As with `npm --prefix …/custom_nodes/autocached start`.
    vi.stubEnv('INIT_CWD', '/');
    expect(withOwnCommand('autocached status', { self, cwd })).toBe(`node ${script.slice(1)} status`);
    vi.stubEnv('INIT_CWD', '/var/empty');
    expect(withOwnCommand('autocached status', { self, cwd })).toBe(`node ${script} status`);
    vi.stubEnv('INIT_CWD', dir);
    expect(ownCommand(self, null)).toBe(`node ${script}`);
    vi.stubEnv('PATH', '/var/empty');
    vi.stubEnv('INIT_CWD', undefined);
    expect(withOwnCommand('autocached status', { self, cwd: '/var/empty' })).toBe(`${self[0]} ${script} status`);
  });

  test('is autocached where the PATH leads to this very program, and only there', () => {
    const { dir, bin, script, self, cwd } = clone();
    symlinkSync(script, join(bin, 'autocached'));
    expect(withOwnCommand('autocached status', { self, cwd })).toBe('autocached status');
    const another = { self: ['node', join(dir, 'other/autocached.js')], cwd: dir };
    expect(withOwnCommand('autocached status', another)).toBe('node other/autocached.js status');
  });

  test('is called by npx where that has started it', () => {
    const { dir, script, self, cwd } = clone();
    const added = join(dir, 'node_modules/.bin');
    mkdirSync(added, { recursive: true });
    symlinkSync(script, join(added, 'autocached'));
    vi.stubEnv('PATH', added);
    vi.stubEnv('npm_command', 'exec');
    expect(withOwnCommand('autocached status', { self, cwd })).toBe('npx autocached status');
  });

  test('is told from the name of the program, and from paths', () => {
    const { self, cwd } = clone('a clone');
    const text =
      'autocached runs; "autocached list --json", autocached comfyui install DIR; /opt/autocached list; autocached listens';
    const call = 'node dist/bin/autocached.js';
    expect(withOwnCommand(text, { self, cwd })).toBe(
      `autocached runs; "${call} list --json", ${call} comfyui install DIR; /opt/autocached list; autocached listens`,
    );
    expect(withOwnCommand('autocached --help', { self, cwd: '/var/empty' })).toBe(`node '${self[2]}' --help`);
  });
});

test('a line that a longer command makes too wide continues below its last column', () => {
  const out = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
  const says = 'none is known: name your model folders, or run autocached comfyui install DIR';
  const todo = 'run autocached init --yes, then start ComfyUI again';
  const findings = [{ check: 'source' as const, verdict: 'warn' as const, says, todo }];
  const page = (look: Look) => doctorPage({ ok: 0, warn: 1, fail: 0, findings }, { ...look, paint: (_, text) => text });
  const named = (text: string) => text.replaceAll('autocached ', 'node some/where/dist/bin/autocached.js ');
  printAnswer({ data: {}, page }, { out, err: out, json: false, named });
  const lines = String(out.read()).trimEnd().split('\n');
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(lines.slice(1, -2).every((line) => line.startsWith(' '.repeat(17)))).toBe(true);
  expect(lines.join(' ').replaceAll(/ +/g, ' ')).toContain('run node some/where/dist/bin/autocached.js init --yes');
});

test('a command to be copied that is too wide under any name stays on one line', () => {
  const out = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
  const join = `autocached farm join ${'a'.repeat(80)} --redis 'redis://10.0.0.5:6379'`;
  const named = (text: string) => text.replaceAll('autocached ', 'npx autocached ');
  printAnswer({ data: {}, page: () => `On each further host:\n  ${join}` }, { out, err: out, json: false, named });
  expect(String(out.read())).toBe(`On each further host:\n  npx ${join}\n`);
});

test('every command is known by its first word', async () => {
  const words = allCommands(await allFacts(addCommands)).flatMap(({ path }) => path.split(' ')[0] || []);
  expect([...new Set(words)].sort()).toEqual([...commandNames].sort());
});

test('a path in a command that is to be typed is one word', () => {
  expect(shellWord('/mnt/nas/models', 'linux')).toBe('/mnt/nas/models');
  expect(shellWord("/mnt/Ann's models/$x", 'linux')).toBe(`'/mnt/Ann'\\''s models/$x'`);
  expect(shellWord('D:\\ComfyUI', 'win32')).toBe('D:\\ComfyUI');
  expect(shellWord('D:\\My ComfyUI', 'win32')).toBe('"D:\\My ComfyUI"');
});
