import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { runDaemon } from '../helpers/daemon.ts';
import { soon } from '../helpers/patience.ts';
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
