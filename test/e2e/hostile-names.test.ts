import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { startDaemonProcess } from '../helpers/daemon-process.ts';
import { writeModel } from '../helpers/files.ts';
import { patience } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** Clears the screen, names the window, begins lines of its own, and turns the order of letters. */
const hostile = 'x\u001b[2J\u001b]0;owned\u0007\r\nFORGED\n  hint: FORGED\u009b31m\u2028\u202e';

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be printed
const steers = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|^ *(?:hint: )?FORGED/m;

test('no name of a file, a folder or a result steers the terminal or makes a line of its own, whatever command shows it', {
  tags: 'slow',
  timeout: patience(180_000),
}, async () => {
  const dir = tempDir();
  const models = join(dir, `nas ${hostile}`, 'models');
  const [lora, checkpoint, variantOf] = [`loras/a${hostile}.safetensors`, `checkpoints/${hostile}/b.ckpt`, `vae/${hostile}`];
  for (const name of [lora, checkpoint, `${variantOf}.safetensors`]) writeModel(join(models, name), 200_000);
  const workflow = join(dir, `w${hostile}.json`);
  const loader = {
    class_type: hostile,
    inputs: { lora_name: `a${hostile}.safetensors`, ckpt_name: `no ${hostile}.safetensors` },
  };
  writeFileSync(workflow, JSON.stringify({ [hostile]: loader }));
  const comfyui = join(dir, `ComfyUI ${hostile}`);
  mkdirSync(join(comfyui, 'custom_nodes'), { recursive: true });
  for (const name of ['main.py', 'folder_paths.py']) writeFileSync(join(comfyui, name), '');
  const arena = join(comfyui, 'models', 'arena_cache');
  writeModel(join(arena, 'loras', `c${hostile}.safetensors`), 1000);
  vi.stubEnv('HOME', dir);
  vi.stubEnv('NO_COLOR', '1');
  for (const name of ['XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME']) vi.stubEnv(name, undefined);
  const daemon = await startDaemonProcess({ dir, settings: { AUTOCACHE_COMFYUI_URL: 'http://127.0.0.1:9' } });
  const { client } = daemon;
  await client.registerRoots({ origin: 'api', roots: [{ path: models, kind: 'nas' }] });
  const body = { ns: 'n', key: 'a'.repeat(64), label: hostile, tags: [hostile], value: hostile, deps: [`file:${workflow}`] };
  await client.ask('POST', '/api/memo/put', { body });
  mkdirSync(join(daemon.stateDir, 'presets'));
  writeFileSync(join(daemon.stateDir, 'presets', `p${hostile}.json`), JSON.stringify({ 1: loader }));

  const path = join(models, lora);
  const calls = [
    ['warm', path, join(models, checkpoint), join(models, `${variantOf}.safetensors`)],
    ...['lookup', 'explain', 'pin', 'unpin', 'verify'].flatMap((one) => [
      [one, path],
      [one, `no ${hostile}`],
      [one, `loras/${hostile}`],
    ]),
    ...['status', 'list', 'jobs', 'config', 'doctor', 'simulate'].map((one) => [one]),
    ['status', '--ram'],
    ['list', '--sources'],
    ['list', '--root', hostile],
    ['explain', 'FORGED'],
    ['warm', 'nothing', hostile],
    ['warm', '--from', workflow],
    ['warm', '--check', join(models, 'loras')],
    ['analyze', workflow],
    ['run', workflow],
    ['purge', '--all', '--dry-run'],
    ['purge', '--root', hostile, '--yes'],
    ['evict', '--dry-run', path],
    ['doctor', comfyui],
    ['init', '--yes', comfyui],
    ['take-over', arena, '--dry-run'],
    ['take-over', `no ${hostile}`],
    ['comfyui', 'install', comfyui],
    ['comfyui', 'status', comfyui],
    ['comfyui', 'uninstall', comfyui],
    ['comfyui', 'status', `no ${hostile}`],
    ['variant', 'make', path, '--to', 'auto8'],
    ['variant', 'make', `no ${hostile}`, '--to', 'auto8'],
    ['variant', 'report', hostile],
    ['memo', 'list'],
    ['memo', 'get', 'aaaa'],
    ['memo', 'explain', 'aaaa'],
    ['memo', 'get', hostile],
    ['memo', 'exec', '--file', `no ${hostile}`, '--', 'true'],
    ['memo', 'exec', '--', `no ${hostile}`],
    ['memo', 'invalidate', '--tag', hostile, '--dry-run'],
    ['preset', 'list'],
    ['preset', 'show', 'FORGED'],
    ['preset', 'show', `no ${hostile}`],
    ['farm', 'locate', path],
    ['farm', 'join', hostile],
    ['remote', 'add', hostile],
    ['kv', 'restore', hostile],
    ['kv', 'save', hostile, '--prompt', workflow],
    ['trace', 'export', join(`no ${hostile}`, 'trace.csv')],
    ['root', 'forget', `no ${hostile}`],
    ['config', `AUTOCACHE_LIMIT=${hostile}`],
    ['config', hostile],
    ['logs', hostile],
    [hostile],
    ['uninstall', '--dry-run', '--comfyui', comfyui],
    ['evict', path],
  ];
  const found: string[] = [];
  for (const words of calls) {
    for (const json of [[], ['--json']]) {
      const { out, err } = await runCli([...json, ...words], {
        stateDir: daemon.stateDir,
        cwd: dir,
        self: ['node', '/a.js'],
      });
      const [at] = steers.exec(out + err) ?? [];
      if (at !== undefined) found.push(`${JSON.stringify(words)}: ${JSON.stringify((out + err).slice(0, 500))}`);
      if (json.length > 0) expect(() => JSON.parse(out), `${words[0]}: ${out.slice(0, 200)}`).not.toThrow();
    }
  }
  expect(found).toEqual([]);
});
