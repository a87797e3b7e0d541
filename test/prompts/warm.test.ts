import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { patience, soon } from '../helpers/patience.ts';
import { imagePrompt, promptsRig } from './prompts-rig.ts';

async function arrange() {
  const rig = await promptsRig();
  const warm = async (...items: object[]) => {
    const body = { plane: 'memo', items: items.map((item) => ({ ns: 'prompts', ...item })) };
    const { items: told } = await rig.daemon.client.ask<{ items: { state: string; key: string; error?: string }[] }>(
      'POST',
      '/api/cache/warm',
      { body },
    );
    return told;
  };
  return { ...rig, warm };
}

test(
  'prompts that are not known are run when ComfyUI has nothing else to do',
  async () => {
    const { warm, run, comfyui } = await arrange();
    await run(imagePrompt({ color: 1 }));
    comfyui.state.behave = () => {};
    const other = run(imagePrompt({ color: 2 }));
    const one = await comfyui.run(2);
    const told = await warm({ prompt: imagePrompt({ color: 1 }) }, { prompt: imagePrompt({ color: 3 }) });
    expect(told.map(({ state }) => state)).toEqual(['hit', 'queued']);
    // The queue was looked at, and somebody's prompt runs.
    const looks = comfyui.asked.filter((page) => page === 'GET /queue').length;
    await comfyui.until(() => comfyui.asked.filter((page) => page === 'GET /queue').length > looks + 1);
    expect(comfyui.runs.length).toBe(2);
    comfyui.state.behave = (run) => run.succeed(comfyui.paint(run.prompt));
    one.succeed(comfyui.paint(one.prompt));
    await other;
    await comfyui.run(3);
    await vi.waitFor(async () => expect((await warm({ prompt: imagePrompt({ color: 3 }) }))[0]?.state).toBe('hit'), soon());
    expect((await run(imagePrompt({ color: 3 }))).mark).toBe('HIT');
  },
  patience(30_000),
);

test('a prompt that is never kept is not run ahead of time, and says why', async () => {
  const { warm, comfyui } = await arrange();
  const camera = { ...imagePrompt(), start: { class_type: 'WebcamCapture', inputs: { image: 'x' } } };
  const [told] = await warm({ prompt: camera });
  expect(told).toMatchObject({ state: 'miss', error: expect.stringContaining('WebcamCapture') });
  expect(comfyui.runs.length).toBe(0);
});

test('presets are warmed by their names; one that is not there is told, and the others are warmed', async () => {
  const { warm, daemon, comfyui } = await arrange();
  mkdirSync(join(daemon.stateDir, 'presets'), { recursive: true });
  const preset = {
    start: { class_type: 'EmptyImage', inputs: { width: 8, height: 8, batch_size: 1, color: '{{color=0}}' } },
    save: { class_type: 'SaveImage', inputs: { images: ['start', 0], filename_prefix: 'x' } },
  };
  writeFileSync(join(daemon.stateDir, 'presets', 'plain.json'), JSON.stringify(preset));
  const told = await warm({ preset: { name: 'nothing' } }, { preset: { name: 'plain', color: 5 } });
  expect(told.map(({ state }) => state)).toEqual(['miss', 'queued']);
  const { prompt } = await comfyui.run(1);
  expect(Number(prompt.start.inputs.color)).toBe(5);
});

test.each([
  [{ prompt: imagePrompt(), preset: { name: 'x' } }],
  [{ prompt: imagePrompt(), ns: 'other' }],
  [{ preset: {} }],
  [{ prompt: imagePrompt(), url: 'http://127.0.0.1/' }],
])('%j is refused', async (item) => {
  const { warm } = await arrange();
  await expect(warm(item)).rejects.toThrow();
});
