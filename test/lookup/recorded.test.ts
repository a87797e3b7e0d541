import { expect, test } from 'vitest';
import { createLookupRig, withCopy } from '../helpers/lookup-rig.ts';

const client = { app: 'comfyui', pid: 1, prompt: 'p1', node: '4', nodeClass: 'CheckpointLoaderSimple' };

test('a load is recorded with where it came from, and for which prompt and node', async () => {
  const { rig, path } = await withCopy();
  await rig.ask(path, { client });
  rig.catalog.usage.flush();
  const [load] = rig.catalog.loads.of(path, 9);
  expect(load).toMatchObject({ category: 'checkpoints', size: 2 * 1024 * 1024, tier: 'ssd', reason: 'HIT', prompt: 'p1' });
  expect(load?.nodeClass).toBe('CheckpointLoaderSimple');
  expect(load?.seconds).toBeGreaterThan(0);
});

test('a miss is recorded too; a look at the metadata and a search for names are no loads', async () => {
  const rig = createLookupRig({ onMiss: 'background' });
  const { path } = rig.source('loras/a.safetensors', 2000);
  await rig.ask(path, { purpose: 'metadata' });
  await rig.ask(path, { purpose: 'scan' });
  await rig.ask(path);
  rig.catalog.usage.flush();
  expect(rig.catalog.loads.of(path, 9)).toMatchObject([{ tier: null, reason: 'QUEUED', prompt: null }]);
});
