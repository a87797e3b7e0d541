import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { installShim } from '../../src/cli/comfyui-link.ts';
import { packageDir } from '../../src/runtime/package.ts';
import { runCli } from '../cli/run-cli.ts';
import { type DaemonProcess, startDaemonProcess } from '../helpers/daemon-process.ts';
import { writeModel } from '../helpers/files.ts';
import { patience } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const slow = { timeout: patience(60_000) };
let dir: string;
let model: string;
let comfy: string;
let daemon: DaemonProcess;

beforeEach(async () => {
  dir = tempDir();
  comfy = join(dir, 'ComfyUI');
  model = join(comfy, 'models/checkpoints/a.safetensors');
  writeModel(model, 2 ** 20);
  for (const name of ['main.py', 'folder_paths.py']) writeFileSync(join(comfy, name), '');
  mkdirSync(join(comfy, 'custom_nodes'));
  vi.stubEnv('HOME', dir);
  daemon = await startDaemonProcess({ dir, settings: { AUTOCACHE_ROOTS: `${comfy}/models=nas` } });
  await installShim(comfy, { stateDir: daemon.stateDir });
  await daemon.client.warm({ paths: [model], wait: true });
  await daemon.client.pin({ paths: [model] });
  return () => vi.unstubAllEnvs();
}, patience(60_000));

const uninstall = (words: string[] = [], more = {}) =>
  runCli(['uninstall', '--comfyui', comfy, ...words], {
    stateDir: daemon.stateDir,
    cwd: dir,
    self: ['/usr/bin/node', '/opt/a.js'],
    ...more,
  });

test('shows what goes and what it frees, and removes nothing unless somebody agrees', { ...slow, tags: 'slow' }, async () => {
  const { code, out } = await uninstall(['--dry-run']);
  expect(code).toBe(0);
  expect(out).toContain(`resolver  in ${comfy}`);
  expect(out).toMatch(/cache .*: 1 copy; frees 1(\.00)? MiB/);
  expect((await uninstall()).code).toBe(2);
  expect(await uninstall([], { interactive: true, input: 'n\n' })).toMatchObject({ code: 1, out: 'nothing removed\n' });
  expect(existsSync(join(comfy, 'custom_nodes/autocached'))).toBe(true);
  expect(await daemon.client.healthy()).toBe(true);
});

test('removes resolver, copies, pinned ones too, and state, and never a model or a file of somebody else', slow, async () => {
  const bytes = readFileSync(model);
  const mine = [join(daemon.stateDir, '.env'), join(daemon.cacheDir, 'mine.txt')];
  for (const file of mine) writeFileSync(file, 'mine');
  const { code, out } = await uninstall(['--yes']);
  expect(code, out).toBe(0);
  expect(readFileSync(model).equals(bytes)).toBe(true);
  expect(readdirSync(join(comfy, 'custom_nodes'))).toEqual([]);
  expect(readdirSync(daemon.stateDir)).toEqual(['.env']);
  expect(readdirSync(daemon.cacheDir).sort()).toEqual(['.autocached', 'mine.txt']);
  for (const file of mine) expect(out).toContain(file);
  expect(out).toContain(`The program itself: delete ${packageDir}`);
});

test('nothing is left of directories that hold nothing else; with --keep-cache the copies stay', {
  ...slow,
  tags: 'slow',
}, async () => {
  expect((await uninstall(['--yes', '--keep-cache'])).code).toBe(0);
  expect(existsSync(daemon.stateDir)).toBe(false);
  expect(readdirSync(daemon.cacheDir, { recursive: true }).map(String)).toContainEqual(
    expect.stringMatching(/a\.safetensors$/),
  );
  daemon = await startDaemonProcess({ dir, settings: { AUTOCACHE_ROOTS: `${comfy}/models=nas` } });
  expect((await uninstall(['--yes'])).code).toBe(0);
  expect(existsSync(daemon.cacheDir)).toBe(false);
});

test('without a daemon it says how to have one', slow, async () => {
  const { code, err } = await runCli(['uninstall'], { stateDir: join(dir, 'nothing') });
  expect(code).toBe(3);
  expect(err).toContain('autocached start --detach');
});
