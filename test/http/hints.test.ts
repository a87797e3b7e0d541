import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { runDaemon } from '../helpers/daemon.ts';
import { writeModel } from '../helpers/files.ts';
import { soon } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { prompt } from '../workflow/documents.ts';

const base = 'checkpoints/base.safetensors';
const document = prompt({
  '1': ['CheckpointLoaderSimple', { ckpt_name: 'base.safetensors' }],
  '9': ['PreviewAny', { source: ['1', 0] }],
});

test('a model of the workflow that is open is ready before its prompt is queued', async () => {
  const { client, root } = await runDaemon({ [base]: 2000 });
  const { jobs } = await client.ask<{ jobs: { priority: string }[] }>('POST', '/api/hints', { body: { prompt: document } });
  expect(jobs).toMatchObject([{ priority: 'idle' }]);
  await vi.waitFor(async () => expect((await client.explain(join(root, base))).now.reason).toBe('HIT'), soon());
});

test('with AUTOCACHE_PREDICT=off nothing is copied ahead, not for a waiting prompt either', async () => {
  const { client } = await runDaemon({ [base]: 2000 }, { AUTOCACHE_PREDICT: 'off' });
  expect(await client.ask('POST', '/api/hints', { body: { prompt: document } })).toEqual({ jobs: [] });
  expect(await client.prefetch({ prompt: document, promptId: 'p1' })).toMatchObject({ jobs: [], models: [{ ready: false }] });
  await client.changeConfig({ predict: 'queue' });
  expect((await client.prefetch({ prompt: document, promptId: 'p2' })).jobs).toHaveLength(1);
});

test('a new model is copied before anybody asks for it; one that was always there is not', { tags: 'slow' }, async () => {
  const { client, root } = await runDaemon({ [base]: 2000 }, {}, undefined, { quietMs: 1 });
  await vi.waitFor(async () => expect((await client.stats()).roots).toMatchObject([{ files: 1 }]), soon());
  const added = join(root, 'checkpoints', 'new.safetensors');
  writeModel(added, 3000);
  await vi.waitFor(async () => expect((await client.explain(added)).now.reason).toBe('HIT'), soon());
  expect((await client.explain(join(root, base))).now.reason).not.toBe('HIT');
});

test('the models of a workflow that is saved in a ComfyUI directory are copied', { tags: 'slow' }, async () => {
  const comfyui = tempDir();
  const workflows = join(comfyui, 'user', 'default', 'workflows');
  mkdirSync(workflows, { recursive: true });
  const { client, root } = await runDaemon({ [base]: 2000 }, { AUTOCACHE_COMFYUI: comfyui });
  let saved = 0;
  await vi.waitFor(async () => {
    // The folder is watched some time after the start.
    writeFileSync(join(workflows, `${saved++}.json`), JSON.stringify({ prompt: document }));
    expect((await client.explain(join(root, base))).now.reason).toBe('HIT');
  }, soon());
});
