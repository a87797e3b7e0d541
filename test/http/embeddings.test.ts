import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runDaemon } from '../helpers/daemon.ts';

test('an embedding in a text is copied with its prompt, however small it is', async () => {
  const settings = { AUTOCACHE_MIN_SIZE: '16MiB' };
  const { client, root } = await runDaemon({ 'embeddings/bad.pt': 100, 'loras/style.safetensors': 100 }, settings);
  const prompt = {
    '1': { class_type: 'CLIPTextEncode', inputs: { text: 'cat embedding:bad <lora:style:1>', clip: ['9', 0] } },
    '2': { class_type: 'PreviewAny', inputs: { source: ['1', 0] } },
  };
  const { jobs, models } = await client.prefetch({ prompt });
  expect(jobs.map(({ path }) => path)).toEqual([join(root, 'embeddings/bad.pt')]);
  expect(models).toMatchObject([
    { category: 'embeddings', name: 'bad.pt' },
    { category: 'loras', name: 'style.safetensors', reason: 'BYPASS_SMALL' },
  ]);
});
