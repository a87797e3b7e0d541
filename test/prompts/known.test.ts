import { expect, test } from 'vitest';
import { bytesOf, imagePrompt, promptsRig } from './prompts-rig.ts';

test('a prompt is run once; later its outputs are known, also while ComfyUI is away', async () => {
  const { comfyui, run } = await promptsRig();
  const first = await run(imagePrompt());
  expect([first.status, first.mark, first.body.reason, first.body.stored]).toEqual([200, 'MISS', 'MISS', true]);
  const [output] = first.body.outputs;
  expect(output).toMatchObject({ node: 'save', kind: 'images', subfolder: '', type: 'output', contentType: 'image/png' });
  expect(output.filename).toMatch(/^image_\d+_\.png$/);
  expect(bytesOf(first.body)).toEqual([JSON.stringify(imagePrompt())]);

  const second = await run(imagePrompt());
  expect([second.mark, second.body.outputs]).toEqual(['HIT', first.body.outputs]);
  await comfyui.close();
  const away = await run(imagePrompt());
  expect([away.mark, away.body.outputs]).toEqual(['HIT', first.body.outputs]);
  expect(bytesOf(away.body)).toEqual(bytesOf(first.body));
  expect(comfyui.runs.length).toBe(1);
});
