import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { WorkflowFiles } from '../../src/foresight/workflow-files.ts';
import { soon } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

async function open() {
  const comfyui = tempDir();
  const folder = join(comfyui, 'user', 'default', 'workflows');
  mkdirSync(join(folder, 'portraits'), { recursive: true });
  mkdirSync(join(comfyui, 'user', 'default', 'manager'), { recursive: true });
  writeFileSync(join(folder, 'old.json'), 'old');
  const onSaved = vi.fn<(text: string) => Promise<unknown>>(async () => {});
  const log = { debug: vi.fn() };
  const files = new WorkflowFiles({ onSaved, log: log as never }, 1);
  onTestFinished(() => files[Symbol.asyncDispose]());
  await files.watch([comfyui]);
  return { comfyui, folder, files, onSaved, log };
}

test('a workflow that is saved is told, new or changed, in any folder of any user; nothing else is', async () => {
  const { comfyui, folder, onSaved } = await open();
  writeFileSync(join(comfyui, 'user', 'default', 'comfy.settings.json'), 'settings');
  writeFileSync(join(comfyui, 'user', 'default', 'manager', 'list.json'), 'list');
  writeFileSync(join(folder, '.index.json'), 'index');
  writeFileSync(join(folder, 'notes.txt'), 'notes');
  writeFileSync(join(folder, 'portraits', 'new.json'), 'new');
  await vi.waitFor(() => expect(onSaved).toHaveBeenCalledWith('new'), soon());
  writeFileSync(join(folder, 'old.json'), 'changed');
  await vi.waitFor(() => expect(onSaved).toHaveBeenCalledWith('changed'), soon());
  expect(new Set(onSaved.mock.calls.flat())).toEqual(new Set(['new', 'changed']));
});

test('one that is no workflow is passed over, and the next is told', async () => {
  const { folder, onSaved, log } = await open();
  onSaved.mockRejectedValueOnce(new Error('no workflow'));
  writeFileSync(join(folder, 'a.json'), 'a');
  await vi.waitFor(() => expect(log.debug).toHaveBeenCalled(), soon());
  writeFileSync(join(folder, 'b.json'), 'b');
  await vi.waitFor(() => expect(onSaved).toHaveBeenCalledWith('b'), soon());
});

test('directories that are no longer named are watched no more', async () => {
  const { folder, files, onSaved } = await open();
  const other = tempDir();
  mkdirSync(join(other, 'user', 'default', 'workflows'), { recursive: true });
  await files.watch([other]);
  writeFileSync(join(folder, 'a.json'), 'a');
  writeFileSync(join(other, 'user', 'default', 'workflows', 'b.json'), 'b');
  await vi.waitFor(() => expect(onSaved).toHaveBeenCalledWith('b'), soon());
  expect(onSaved).not.toHaveBeenCalledWith('a');
});
