import { readFileSync, renameSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { soon } from '../helpers/patience.ts';
import { imagePrompt, promptsRig } from './prompts-rig.ts';

const model = 'upscale_models/a.safetensors';

function upscaling(name = 'a.safetensors') {
  return {
    start: { class_type: 'EmptyImage', inputs: { width: 8, height: 8, batch_size: 1, color: 1 } },
    load: { class_type: 'UpscaleModelLoader', inputs: { model_name: name } },
    use: { class_type: 'ImageUpscaleWithModel', inputs: { upscale_model: ['load', 0], image: ['start', 0] } },
    save: { class_type: 'SaveImage', inputs: { images: ['use', 0], filename_prefix: 'x' } },
  };
}

function loading(image = 'a.png') {
  return {
    start: { class_type: 'LoadImage', inputs: { image } },
    save: { class_type: 'SaveImage', inputs: { images: ['start', 0], filename_prefix: 'x' } },
  };
}

describe('the same prompt', () => {
  test.each([
    [
      'with other ids and titles of its nodes, in another order',
      () => {
        const { start, save } = imagePrompt();
        return { '7': { ...save, inputs: { ...save?.inputs, images: ['12', 0] }, _meta: { title: 'T' } }, '12': start };
      },
    ],
    ['with another prefix of the file names', () => imagePrompt({ prefix: 'holiday/other' })],
    [
      'with its inputs in another order',
      () => {
        const { start, save } = imagePrompt();
        return {
          start: { inputs: Object.fromEntries(Object.entries(start.inputs).reverse()), class_type: 'EmptyImage' },
          save,
        };
      },
    ],
  ])('%s is known', async (_, other) => {
    const { run } = await promptsRig();
    await run(imagePrompt());
    expect((await run(other())).mark).toBe('HIT');
  });
});

describe('another prompt', () => {
  test.each([
    ['another number', imagePrompt({ color: 2 })],
    ['a link to another output', { ...imagePrompt(), save: { class_type: 'SaveImage', inputs: { images: ['start', 1] } } }],
    [
      'a literal that looks like a link in JSON',
      { ...imagePrompt(), start: { class_type: 'EmptyImage', inputs: { width: 8, height: 8, batch_size: 1, color: '1' } } },
    ],
    ['one more output', { ...imagePrompt(), more: { class_type: 'PreviewImage', inputs: { images: ['start', 0] } } }],
  ])('%s is run', async (_, other) => {
    const { run } = await promptsRig();
    await run(imagePrompt());
    expect((await run(other)).mark).toBe('MISS');
  });

  test('a seed of 64 bits that differs in its last digit', async () => {
    const { send, comfyui } = await promptsRig();
    comfyui.state.behave = (run) => run.succeed({ s: { text: ['x'] } });
    const body = (seed: string) =>
      `{"prompt":{"n":{"class_type":"RandomNoise","inputs":{"noise_seed":${seed}}},"s":{"class_type":"PreviewAny","inputs":{"source":["n",0]}}}}`;
    const marks = [];
    for (const seed of ['18446744073709551615', '18446744073709551614', '18446744073709551615'])
      marks.push((await send(body(seed))).headers.get('x-autocached'));
    expect(marks).toEqual(['MISS', 'MISS', 'HIT']);
    expect(comfyui.runs.map(({ text }) => /"noise_seed":(\d+)/.exec(text)?.[1])).toEqual([
      '18446744073709551615',
      '18446744073709551614',
    ]);
  });
});

describe('it is computed again', () => {
  test('with another model under the same name and of the same size', { tags: 'slow' }, async () => {
    const { run, daemon } = await promptsRig({ [model]: 2000 });
    expect([(await run(upscaling())).mark, (await run(upscaling())).mark]).toEqual(['MISS', 'HIT']);
    const path = join(daemon.root, model);
    writeFileSync(`${path}.new`, Buffer.alloc(statSync(path).size, 7));
    renameSync(`${path}.new`, path);
    // What was looked at in the last two seconds is not looked at again.
    await vi.waitFor(async () => expect((await run(upscaling())).mark).toBe('MISS'), { ...soon(), interval: 100 });
  });

  test('with another input image under the same name, size and time', async () => {
    const { run, input } = await promptsRig();
    const path = join(input, 'a.png');
    writeFileSync(path, 'one');
    expect([(await run(loading())).mark, (await run(loading())).mark]).toEqual(['MISS', 'HIT']);
    const { atime, mtime } = statSync(path);
    writeFileSync(`${path}.new`, 'two');
    utimesSync(`${path}.new`, atime, mtime);
    renameSync(`${path}.new`, path);
    expect((await run(loading())).mark).toBe('MISS');
    expect((await run(loading())).mark).toBe('HIT');
  });

  test('by another version of ComfyUI, or with another flag', { tags: 'slow' }, async () => {
    const { run, comfyui, daemon } = await promptsRig();
    await run(imagePrompt());
    comfyui.state.version = '0.34.0';
    await daemon.restart();
    await vi.waitFor(async () => expect((await run(imagePrompt())).mark).toBe('MISS'), soon());
    comfyui.state.argv = [...comfyui.state.argv, '--force-fp16'];
    await daemon.restart();
    await vi.waitFor(async () => expect((await run(imagePrompt())).mark).toBe('MISS'), soon());
    comfyui.state.argv = [...comfyui.state.argv, '--port', '9000'];
    await daemon.restart();
    expect((await run(imagePrompt())).mark).toBe('HIT');
  });
});

test('a model that was written anew with the same content is the same, once copies of both were made', {
  tags: 'slow',
}, async () => {
  const { run, daemon, comfyui } = await promptsRig({ [model]: 5000 });
  const cached = async () => expect((await daemon.client.entries({ cached: true })).entries.length).toBe(1);
  await run(upscaling());
  await vi.waitFor(cached, soon());
  // The copies were made after the run, and are known to the next one who asks.
  expect((await run(upscaling())).mark).toBe('HIT');
  const path = join(daemon.root, model);
  writeFileSync(path, readFileSync(path));
  utimesSync(path, new Date(), new Date(2020, 1, 1));
  // The copy is made again, and has the same content.
  await daemon.client.warm({ paths: [path] });
  await vi.waitFor(async () => {
    const { items } = await daemon.client.warm({ paths: [path], check: true });
    expect(items[0]?.ready).toBe(true);
  }, soon());
  await vi.waitFor(async () => expect((await run(upscaling())).mark).toBe('HIT'), soon());
  expect(comfyui.runs.length).toBe(1);
});

test('what changed while the prompt ran is not kept', async () => {
  const { run, input, comfyui } = await promptsRig();
  writeFileSync(join(input, 'a.png'), 'one');
  comfyui.state.behave = (one) => {
    writeFileSync(join(input, 'a.png'), 'three');
    one.succeed(comfyui.paint(one.prompt));
  };
  const { body } = await run(loading());
  expect([body.stored, body.why]).toEqual([false, 'a file that it reads was changed while it ran']);
});

describe('not kept, for it may give something else', () => {
  const noise = (inputs: object) => ({
    n: { class_type: 'RandomNoise', inputs },
    s: { class_type: 'PreviewAny', inputs: { source: ['n', 0] } },
  });
  test.each([
    ['a seed of -1', noise({ noise_seed: -1 }), 'its noise_seed is -1'],
    ['no seed', noise({}), 'it has no noise_seed'],
    [
      'a seed of -1 from another node',
      { ...noise({ noise_seed: ['p', 0] }), p: { class_type: 'PrimitiveInt', inputs: { value: -1 } } },
      'is -1',
    ],
    ['a camera', { ...imagePrompt(), start: { class_type: 'WebcamCapture', inputs: { image: 'x.png' } } }, 'WebcamCapture'],
    ['a node of a pack', { ...imagePrompt(), start: { class_type: 'RandomImage', inputs: {} } }, 'RandomImage'],
    [
      'links that go round',
      {
        a: { class_type: 'ImageInvert', inputs: { image: ['a', 0] } },
        save: { class_type: 'SaveImage', inputs: { images: ['a', 0] } },
      },
      'circle',
    ],
  ])('%s', async (_, prompt, why) => {
    const { run, comfyui, kept } = await promptsRig();
    comfyui.state.behave = (one) => one.succeed({ s: { text: ['x'] }, ...comfyui.paint(one.prompt) });
    const first = await run(prompt);
    expect([first.mark, first.body.reason, first.body.why]).toEqual([
      'BYPASS',
      'BYPASS_NONDETERMINISTIC',
      expect.stringContaining(why),
    ]);
    await run(prompt);
    expect([comfyui.runs.length, await kept()]).toEqual([2, 0]);
  });

  test('unless whoever asks vouches for a node', async () => {
    const { run } = await promptsRig();
    const prompt = { ...imagePrompt(), start: { class_type: 'Stripes', inputs: { seed: 3 } } };
    expect((await run(prompt, { repeatable: ['Stripes'] })).mark).toBe('MISS');
    expect((await run(prompt, { repeatable: ['Stripes'] })).mark).toBe('HIT');
    const random = { ...imagePrompt(), start: { class_type: 'Stripes', inputs: { seed: -1 } } };
    expect((await run(random, { repeatable: ['Stripes'] })).mark).toBe('BYPASS');
  });
});

describe('not kept, for a file is not known here', () => {
  test.each([
    ['a model', upscaling('other.safetensors'), 'other.safetensors'],
    ['an input image', loading('absent.png'), 'absent.png'],
    ['one outside the directory', loading('../a.png'), '../a.png'],
    ['one that another prompt has put out', loading('a.png [output]'), 'a.png [output]'],
  ])('%s', async (_, prompt, name) => {
    const { run, kept } = await promptsRig({ [model]: 2000 });
    const { mark, body } = await run(prompt);
    expect([mark, body.reason, body.why]).toEqual(['BYPASS', 'BYPASS_UNKNOWN_FILE', expect.stringContaining(name)]);
    expect(body.outputs.length).toBe(1);
    expect(await kept()).toBe(0);
  });
});

test('a result of an input image that was deleted since is not given', async () => {
  const { run, input } = await promptsRig();
  writeFileSync(join(input, 'a.png'), 'one');
  await run(loading());
  unlinkSync(join(input, 'a.png'));
  expect((await run(loading())).mark).toBe('BYPASS');
});
