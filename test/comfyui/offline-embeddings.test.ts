import { createHash } from 'node:crypto';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { startComfyui } from '../helpers/comfyui-process.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { soon } from '../helpers/patience.ts';

test('a prompt with an embedding in its text finds it while the folder of embeddings is away', async () => {
  const { client, root, stateDir, bytes, dir } = await runDaemon(
    { 'embeddings/bad.pt': 300, 'loras/a.safetensors': 300 },
    { AUTOCACHE_MIN_SIZE: '16MiB' },
  );
  const comfyui = await startComfyui(root, stateDir);
  const prompt = {
    '1': { class_type: 'CLIPTextEncode', inputs: { text: 'cat (embedding:bad:1.1)', clip: ['9', 0] } },
    '2': { class_type: 'PreviewAny', inputs: { source: ['1', 0] } },
  };
  await comfyui.tell('queue', prompt);
  await vi.waitFor(async () => expect((await client.entries({ cached: true })).total).toBe(1), soon());
  renameSync(join(root, 'embeddings'), join(dir, 'unplugged'));
  expect(await comfyui.tell('find_embedding', 'bad.pt')).toBeNull();
  await comfyui.tell('queue', prompt);
  const sha256 = createHash('sha256')
    .update(bytes['embeddings/bad.pt'] ?? '')
    .digest('hex');
  expect(await comfyui.tell('find_embedding', 'bad.pt')).toBe(sha256);
  renameSync(join(dir, 'unplugged'), join(root, 'embeddings'));
  await comfyui.tell('queue', prompt);
  expect((await client.entries({})).entries.map(({ root: of }) => of)).toEqual([join(root, 'embeddings')]);
});
