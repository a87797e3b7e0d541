import { expect, test } from 'vitest';
import { createLookupRig } from '../helpers/lookup-rig.ts';

const prompt = (...names: string[]) => ({
  prompt: Object.fromEntries(
    names.map((name, k) => [String(k + 1), { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: name } }]),
  ),
});

test('the cache knows what the prompts of the queue will load, and that it was loaded', async () => {
  const rig = createLookupRig();
  const [a, b] = ['a', 'b'].map((name) => rig.source(`checkpoints/${name}.safetensors`, 1000).path) as [string, string];
  const expected = () => [a, b].map((path) => rig.queuedFiles.expected(path, rig.clock.now()));
  await rig.workflows.prefetch(prompt('a.safetensors'), 'one');
  await rig.workflows.prefetch(prompt('b.safetensors'), 'two');
  await rig.workflows.prefetch(prompt('a.safetensors'), null);
  expect(expected()).toEqual([1, 1]);
  await rig.ask(a, { client: { app: 'comfyui', prompt: 'one' } });
  expect(expected()).toEqual([0, 1]);
  await rig.ask(b, { client: { app: 'comfyui', prompt: 'two' } });
  expect(expected()).toEqual([0, 0]);
});
