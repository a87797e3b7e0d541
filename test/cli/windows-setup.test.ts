import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../helpers/temp-dir.ts';

const script = join(import.meta.dirname, '../../config/windows/setup.mjs');

function setup(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8', input: '' });
  return { status, text: stdout + stderr };
}

function portableComfyui(): string {
  const dir = tempDir();
  mkdirSync(join(dir, 'ComfyUI/custom_nodes'), { recursive: true });
  for (const name of ['main.py', 'folder_paths.py']) writeFileSync(join(dir, 'ComfyUI', name), '');
  return dir;
}

test('the set-up of Windows says each step, and changes nothing without an answer or with --dry-run', () => {
  const dir = portableComfyui();
  for (const [args, status] of [
    [[dir], 1],
    [[dir, '--dry-run'], 0],
    [['--undo', dir], 1],
  ] as const) {
    const said = setup(...args);
    expect(said).toMatchObject({ status, text: expect.stringContaining(join(dir, 'ComfyUI/custom_nodes/autocached')) });
    expect(said.text).toContain('scheduled task');
    expect(said.text).toContain('Nothing was changed.');
  }
  expect(readdirSync(join(dir, 'ComfyUI/custom_nodes'))).toEqual([]);
});

test('the set-up of Windows refuses a folder that is no ComfyUI', () => {
  const dir = tempDir();
  expect(setup(dir, '--yes')).toMatchObject({ status: 1, text: expect.stringContaining(`${dir} is not a ComfyUI`) });
});

test('the set-up of Windows refuses an option that it does not know, and says which there are', () => {
  const said = setup('--remove');
  expect(said).toMatchObject({ status: 2, text: expect.stringContaining("Unknown option '--remove'") });
  expect(said.text).toContain('--undo');
  expect(said.text).not.toContain('    at ');
});
