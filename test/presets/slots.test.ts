import { describe, expect, test } from 'vitest';
import { choose, compile, graphOf } from '../../src/presets/compile.ts';
import { Library } from '../../src/presets/library.ts';
import { presetOfFile } from '../../src/presets/prompt-file.ts';

const library = new Library(null);
const prompt = 'a lighthouse';

function compiled(name: string, given: Record<string, unknown>) {
  return compile(choose(library.find(name), given));
}

/** The inputs of all nodes of a class. */
function inputsOf(name: string, classType: string, given: Record<string, unknown>) {
  const nodes = Object.values(compiled(name, given).prompt);
  return nodes.filter(({ class_type }) => class_type === classType).map(({ inputs }) => inputs);
}

describe('the slots of a preset', () => {
  test('take a seed of 64 bits with all its digits, as a number or a text', () => {
    for (const seed of [18446744073709551615n, '18446744073709551615']) {
      const { prompt: graph } = compiled('distilled-fast', { prompt, seed });
      expect(JSON.stringify(graph)).toContain('"noise_seed":18446744073709551615');
    }
    expect(inputsOf('distilled-fast', 'RandomNoise', { prompt, seed: 7 })).toEqual([{ noise_seed: 7 }]);
  });

  test.each([
    [{}, 'prompt: it must be given'],
    [{ prompt, width: 700 }, 'width: it must be a multiple of 32'],
    [{ prompt, frames: 120 }, 'frames: it must be a multiple of 8 and 1'],
    [{ prompt, fps: 'fast' }, 'fps: it must be a number'],
    [{ prompt, seed: -1 }, 'seed: it must be a whole number from 0 to 18446744073709551615'],
    [{ prompt, seed: 1.5 }, 'seed: it must be a whole number from 0 to 18446744073709551615'],
    [{ prompt, images: 'a.png@5' }, 'images: an image can lie at frame 0 only'],
    [{ prompt, images: ['a.png', 'b.png'] }, 'images: it takes 0 to 1 images'],
    [{ prompt, hight: 512 }, 'there is no slot hight'],
    [{ prompt, family: 'ltx-1' }, 't2v-one-stage is not made for ltx-1'],
  ])('refuse %j', (given, said) => {
    expect(() => compiled('t2v-one-stage', given)).toThrow(said);
  });

  test('name every fault at once', () => {
    expect(() => compiled('t2v-one-stage', { width: 700, fps: 0 })).toThrow(
      'prompt: it must be given; width: it must be a multiple of 32; fps: it must be from 1 to 120',
    );
  });

  test('place keyframes, counted from the end as well, and refuse those outside of the video', () => {
    const images = ['a.png@0', { file: 'b@2.png', frame: 60 }, 'c.png@-1'];
    const guides = inputsOf('keyframe-interpolation', 'LTXVAddGuide', { prompt, images });
    expect(guides.map(({ frame_idx }) => frame_idx)).toEqual([0, 60, -1, 0, 60, -1]);
    expect(inputsOf('keyframe-interpolation', 'LoadImage', { prompt, images })).toHaveLength(3);
    expect(() => compiled('keyframe-interpolation', { prompt, images: ['a.png@121'] })).toThrow('has no frame 121');
    expect(() => compiled('keyframe-interpolation', { prompt, images: ['a.png@120', 'b.png@-1'] })).toThrow('same frame');
  });
});

describe('an adaptive preset', () => {
  const nodes = (name: string, classType: string) => inputsOf(name, classType, { prompt });

  test('ends guidance where it begins to take steps over, for a disturbed pass would look like no change', () => {
    const [stg] = nodes('t2v-one-stage-adaptive', 'LTXVSpatioTemporalGuidance');
    const [cache] = nodes('t2v-one-stage-adaptive', 'EasyCache');
    expect(stg?.['end_percent']).toBe(0.6);
    expect(cache?.['start_percent']).toBe(stg?.['end_percent']);
    expect(nodes('t2v-one-stage', 'LTXVSpatioTemporalGuidance')[0]?.['end_percent']).toBe(1);
    expect(nodes('t2v-one-stage', 'EasyCache')).toEqual([]);
  });

  test('leaves the negative text out of the last fifth of the steps', () => {
    expect(nodes('t2v-one-stage-adaptive', 'SplitSigmas')).toMatchObject([{ step: 24 }]);
    expect(nodes('t2v-one-stage-adaptive', 'CFGGuider')).toMatchObject([{ cfg: 1 }]);
  });
});

test('a quantized preset differs in its files only', () => {
  for (const family of ['ltx-2.3', 'ltx-2.5']) {
    const [plain, quantized] = ['t2v-two-stages', 't2v-two-stages-quantized'].map((name) => compiled(name, { prompt, family }));
    const shape = (graph: typeof plain) =>
      JSON.stringify(graph?.prompt, (_, value) => (typeof value === 'string' && value.endsWith('.safetensors') ? '' : value));
    expect(shape(quantized)).toBe(shape(plain));
    const names = (graph: typeof plain) => graph?.models.map(({ name }) => name) ?? [];
    expect(names(plain).filter((name) => !names(quantized).includes(name))).toHaveLength(2);
  }
});

describe('a prompt of the user with slots', () => {
  const node = (inputs: object) => JSON.stringify({ 1: { class_type: 'KSampler', inputs } });
  const filled = (text: string, given: Record<string, unknown>) => {
    return compile(choose(presetOfFile('mine', text), given)).prompt['1']?.inputs;
  };

  test('keeps types: a text that is one slot takes what fills it', () => {
    const text = node({
      seed: '{{seed=0}}',
      text: '{{prompt}}, at night',
      on: '{{on=true}}',
      scale: '{{scale=0.5}}',
      fixed: 3,
    });
    expect(filled(text, { prompt: 'a {{seed}}' })).toEqual({
      seed: 0,
      text: 'a {{seed}}, at night',
      on: true,
      scale: 0.5,
      fixed: 3,
    });
    expect(filled(text, { prompt: '7', seed: '12', on: false })).toMatchObject({ seed: 12, text: '7, at night', on: false });
  });

  test('keeps the digits of large seeds, in the file and in a slot', () => {
    const text = node({ seed: '{{seed=18446744073709551615}}', other: 1 }).replace('1}}}', '9007199254740993}}}');
    expect(JSON.stringify(compile(choose(presetOfFile('mine', text), {})).prompt)).toContain(
      '"seed":18446744073709551615,"other":9007199254740993',
    );
  });

  test('has its models told, with their addresses where the file gives them', () => {
    const models = [{ category: 'checkpoints', name: 'a.safetensors', url: 'https://example.com/a.safetensors' }];
    const loader = (ckpt_name: string) => ({ class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name } });
    const graph = {
      1: loader('a.safetensors'),
      2: loader('{{second=b.safetensors}}'),
      3: { class_type: 'SaveImage', inputs: { images: ['1', 0], also: ['2', 0], filename_prefix: 'x' } },
    };
    const preset = presetOfFile('mine', JSON.stringify({ models, prompt: graph }));
    const built = graphOf(choose(preset, {}), ({ name }) => `mine/${name}`);
    const second = { category: 'checkpoints', name: 'b.safetensors', url: null };
    expect(new Set(built.models)).toEqual(new Set([...models, second]));
    expect(built.prompt['2']?.inputs).toEqual({ ckpt_name: 'mine/b.safetensors' });
  });

  test.each([
    ['{', 'is no JSON'],
    ['[]', 'is no API prompt'],
    ['{"1": {"class_type": "A", "inputs": {"x": "{{watch}}"}}}', 'cannot have a slot watch'],
    ['{"nodes": [], "links": []}', 'is no API prompt'],
    ['{"prompt": {"1": {"class_type": "A"}}}', 'is no API prompt: prompt.1.inputs'],
  ])('is refused when it is %s', (text, said) => {
    expect(() => presetOfFile('mine', text)).toThrow(said);
  });
});
