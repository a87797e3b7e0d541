import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startComfyui } from '../helpers/comfyui-process.ts';
import { runDaemon } from '../helpers/daemon.ts';

const name = 'loras/a.safetensors';

test('a node that goes by where a model lies gets the model itself: one of a known class, and one that the user has named', async () => {
  const daemon = await runDaemon({ [name]: 50_000 }, { AUTOCACHE_COMFYUI_OWN_PATH: 'MyPathLoader, MyOther' });
  const source = join(daemon.root, name);
  const comfyui = await startComfyui(daemon.root, daemon.stateDir);
  await daemon.client.warm({ paths: [source], wait: true });
  const opened = (nodeClass: string) => comfyui.tell('load_as', nodeClass, 'loras', 'a.safetensors');
  const copy = await opened('LoraLoader');
  expect(copy).not.toBe(source);
  expect(await opened('MyPathLoader')).toBe(source);
  expect(await opened('MyOther')).toBe(source);
  expect(await opened('NunchakuTextEncoderLoader')).toBe(source);
  expect(await opened('MyPathLoaderToo')).toBe(copy);
});

test('and no copy is made for such a node, when its prompt is queued or when it runs', async () => {
  const daemon = await runDaemon(
    { [name]: 50_000, 'loras/b.safetensors': 40_000 },
    { AUTOCACHE_COMFYUI_OWN_PATH: 'MyPathLoader' },
  );
  const comfyui = await startComfyui(daemon.root, daemon.stateDir);
  const prompt = (nodeClass: string, file: string) => ({
    '4': { class_type: nodeClass, inputs: { lora_name: file } },
    '9': { class_type: 'PreviewAny', inputs: { source: ['4', 0] } },
  });
  await comfyui.tell('queue', prompt('MyPathLoader', 'a.safetensors'));
  await comfyui.tell('load_as', 'MyPathLoader', 'loras', 'a.safetensors');
  expect((await daemon.client.jobs()).jobs).toEqual([]);
  await comfyui.tell('queue', prompt('MyOtherLoader', 'b.safetensors'));
  expect((await daemon.client.jobs()).jobs).toMatchObject([{ path: join(daemon.root, 'loras/b.safetensors') }]);
});
