import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startComfyui } from '../helpers/comfyui-process.ts';
import { runDaemon } from '../helpers/daemon.ts';

test('a preset whose files ComfyUI has found once by a pattern is prefetched the next time it is queued', {
  tags: 'slow',
}, async () => {
  const { client, root, stateDir } = await runDaemon({
    'clip_vision/ViT-H.safetensors': 900,
    'ipadapter/ip-adapter-plus_sd15.safetensors': 700,
  });
  const comfyui = await startComfyui(root, stateDir);
  const prompt = {
    '4': { class_type: 'IPAdapterUnifiedLoader', inputs: { model: ['1', 0], preset: 'PLUS (high strength)' } },
    '9': { class_type: 'PreviewAny', inputs: { source: ['4', 1] } },
  };
  const files = [
    ['clip_vision', 'ViT-H.safetensors'],
    ['ipadapter', 'ip-adapter-plus_sd15.safetensors'],
  ];
  // The browser gives a prompt no id: ComfyUI does, when it has taken it.
  await comfyui.tell('queue', prompt);
  expect((await client.analyze({ prompt })).unresolved).toMatchObject([{ input: 'preset', reason: 'NOT_LEARNED' }]);
  await comfyui.tell('run', prompt, 'id-of-comfyui', '4', files);
  const { models, unresolved } = await client.analyze({ prompt });
  expect(models.map(({ path, how }) => [path, how])).toEqual(files.map((file) => [join(root, ...file), 'learned']));
  expect(unresolved).toEqual([]);
  expect((await client.prefetch({ prompt })).models.map(({ name }) => name)).toEqual(files.map(([, name]) => name));
});
