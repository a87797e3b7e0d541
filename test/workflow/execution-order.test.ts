import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { analyze } from '../../src/workflow/analyze.ts';
import { executionOrder } from '../../src/workflow/execution-order.ts';
import { feeding, names, prompt } from './documents.ts';

const twoOutputs = prompt({
  '3': ['KSampler', { seed: 1, model: ['10', 0], positive: ['13', 0], negative: ['13', 1], latent_image: ['5', 0] }],
  '4': ['CheckpointLoaderSimple', { ckpt_name: 'base.safetensors' }],
  '5': ['EmptyLatentImage', { width: 512 }],
  '6': ['CLIPTextEncode', { text: 'a', clip: ['10', 1] }],
  '7': ['CLIPTextEncode', { text: 'b', clip: ['10', 1] }],
  '8': ['VAEDecode', { samples: ['3', 0], vae: ['20', 0] }],
  '9': ['SaveImage', { filename_prefix: 'a', images: ['8', 0] }],
  '10': [
    'LoraLoader',
    { lora_name: 'style.safetensors', strength_model: 1, strength_clip: 1, model: ['4', 0], clip: ['4', 1] },
  ],
  '11': ['ControlNetLoader', { control_net_name: 'depth.safetensors' }],
  '12': ['LoadImage', { image: 'x.png' }],
  '13': [
    'ControlNetApplyAdvanced',
    { positive: ['6', 0], negative: ['7', 0], control_net: ['11', 0], image: ['12', 0], strength: 1 },
  ],
  '20': ['VAELoader', { vae_name: 'vae.safetensors' }],
  '30': ['UpscaleModelLoader', { model_name: 'x4.safetensors' }],
  '31': ['ImageUpscaleWithModel', { upscale_model: ['30', 0], image: ['8', 0] }],
  '32': ['PreviewImage', { images: ['41', 0] }],
  '40': ['PrimitiveBoolean', { value: true }],
  '41': ['ComfySwitchNode', { switch: ['40', 0], on_false: ['8', 0], on_true: ['31', 0] }],
  '50': ['UNETLoader', { unet_name: 'unused.safetensors', weight_dtype: 'default' }],
});

// What ComfyUI 0.33.0's own ExecutionList answers for this prompt: 20 40 5 12 11 4 10 7 6 13 3 8 9 30 31 41 32.
test('models are listed in the order in which ComfyUI loads them, the lazy branch last', () => {
  expect(names(twoOutputs)).toEqual([
    'vae/vae.safetensors',
    'controlnet/depth.safetensors',
    'checkpoints/base.safetensors',
    'loras/style.safetensors',
    'upscale_models/x4.safetensors',
  ]);
});

test('a loader that no output needs is not prefetched, and the answer says why', () => {
  expect(analyze(twoOutputs).skipped).toEqual([{ node: '50', why: 'unused.safetensors: no output needs it' }]);
});

test('only the outputs that the client asked for are followed', () => {
  expect(names({ prompt: twoOutputs, partial_execution_targets: ['9'] })).not.toContain('upscale_models/x4.safetensors');
});

test('an output of a pack that feeds other nodes is followed when the client asked for it', () => {
  const chain = prompt({
    '1': ['VAELoader', { vae_name: 'vae.safetensors' }],
    '2': ['SaveAndPassOn', { images: ['1', 0] }],
    '3': ['SaveAndPassOn', { images: ['2', 0] }],
  });
  expect(names({ prompt: chain, partial_execution_targets: ['2'] })).toEqual(['vae/vae.safetensors']);
});

test('nothing is prefetched for a node whose output ComfyUI has cached, nor for what only that needs', () => {
  const rest = (...cachedNodes: string[]) => names({ prompt: twoOutputs, cachedNodes });
  expect(rest('4')).not.toContain('checkpoints/base.safetensors');
  expect(rest('4')).toContain('loras/style.safetensors');
  expect(rest('10')).not.toContain('loras/style.safetensors');
  expect(rest('10', '4')).toEqual(expect.not.arrayContaining(['checkpoints/base.safetensors', 'loras/style.safetensors']));
  expect(rest(...Object.keys(twoOutputs))).toEqual([]);
});

test('a file that a cached node and another one load is prefetched for the other', () => {
  const twice = prompt({
    '1': ['VAELoader', { vae_name: 'vae.safetensors' }],
    '2': ['VAELoader', { vae_name: 'vae.safetensors' }],
    '3': ['PreviewAny', { source: ['1', 0] }],
    '4': ['PreviewAny', { source: ['2', 0] }],
  });
  expect(names({ prompt: twice, cachedNodes: ['1'] })).toEqual(['vae/vae.safetensors']);
  expect(analyze({ prompt: twice, cachedNodes: ['1', '2'] })).toMatchObject({
    models: [],
    skipped: [1, 2].map((node) => ({ node: `${node}`, why: 'vae.safetensors: ComfyUI has cached what comes of it' })),
  });
});

describe('nodes whose outputs are kept', () => {
  const encoders = prompt({
    load: ['CLIPLoader', { clip_name: 'gemma.safetensors' }],
    model: ['UNETLoader', { unet_name: 'unet.safetensors' }],
    vae: ['VAELoader', { vae_name: 'vae.safetensors' }],
    yes: ['CLIPTextEncode', { clip: ['load', 0], text: 'a knight' }],
    no: ['CLIPTextEncode', { clip: ['load', 0], text: '' }],
    sample: ['KSampler', { model: ['model', 0], positive: ['yes', 0], negative: ['no', 0] }],
    decode: ['VAEDecode', { samples: ['sample', 0], vae: ['vae', 0] }],
    out: ['SaveImage', { images: ['decode', 0] }],
  });
  const needed = (document: Record<string, unknown>, ...keptNodes: string[]) =>
    analyze({ prompt: document, keptNodes }).models.flatMap(({ name, notNeeded }) => (notNeeded ? [] : name));
  const spared = (document: Record<string, unknown>, ...keptNodes: string[]) =>
    analyze({ prompt: document, keptNodes }).models.flatMap(({ name, notNeeded }) => (notNeeded ? name : []));

  test('an encoder is not needed when both of its texts are kept, and is needed for one that is not', () => {
    expect(needed(encoders, 'yes', 'no').sort()).toEqual(['unet.safetensors', 'vae.safetensors']);
    expect(spared(encoders, 'yes', 'no')).toEqual(['gemma.safetensors']);
    expect(needed(encoders, 'yes')).toContain('gemma.safetensors');
    expect(spared(encoders, 'yes')).toEqual([]);
  });

  test('nothing is needed when all that an output needs is kept with it', () => {
    expect(needed(encoders, 'out', 'decode')).toEqual([]);
    expect(spared(encoders, 'out', 'decode').sort()).toEqual(['gemma.safetensors', 'unet.safetensors', 'vae.safetensors']);
    expect(needed(encoders, 'decode')).toEqual([]);
  });

  test('an encoder that another node needs too is needed, also through a loader of its own', () => {
    const image = {
      ...encoders,
      ...prompt({ look: ['StrangeEncode', { clip: ['load', 0] }], show: ['PreviewAny', { source: ['look', 0] }] }),
    };
    expect(needed(image, 'yes', 'no')).toContain('gemma.safetensors');
    const twice = {
      ...encoders,
      ...prompt({
        again: ['CLIPLoader', { clip_name: 'gemma.safetensors' }],
        look: ['StrangeEncode', { clip: ['again', 0] }],
        show: ['PreviewAny', { source: ['look', 0] }],
      }),
    };
    expect(needed(twice, 'yes', 'no')).toContain('gemma.safetensors');
    expect(spared(twice, 'yes', 'no')).toEqual([]);
  });

  test('what ComfyUI has cached is not said to be kept', () => {
    const both = { prompt: encoders, cachedNodes: ['yes', 'no'], keptNodes: ['yes', 'no'] };
    expect(analyze(both).models.map(({ name }) => name)).not.toContain('gemma.safetensors');
  });
});

test('a prompt that goes in a circle ends with an answer', () => {
  const circle = prompt({
    '1': ['LoraLoader', { lora_name: 'a.safetensors', model: ['2', 0] }],
    '2': ['LoraLoader', { lora_name: 'b.safetensors', model: ['1', 0] }],
    '3': ['PreviewAny', { source: ['1', 0] }],
  });
  expect(names(circle)).toEqual([]);
});

test('a switch that depends on itself ends with an answer', () => {
  const self = feeding(
    'ComfySwitchNode',
    { switch: ['1', 0], on_false: ['2', 0], on_true: ['2', 0] },
    {
      '2': ['VAELoader', { vae_name: 'a.safetensors' }],
    },
  );
  expect(analyze(self)).toMatchObject({
    models: [],
    skipped: [{ node: '2', why: 'a.safetensors: its links go round in a circle' }],
  });
});

const graphs = fc.integer({ min: 1, max: 14 }).chain((size) =>
  fc.record({
    dependencies: fc
      .array(fc.array(fc.record({ node: fc.nat(size - 1), lazy: fc.boolean() }), { maxLength: 4 }), {
        minLength: size,
        maxLength: size,
      })
      .map(
        (lists) =>
          new Map(
            lists.map((list, id) => [`${id}`, list.filter(({ node }) => node < id).map((d) => ({ ...d, node: `${d.node}` }))]),
          ),
      ),
    outputs: fc.uniqueArray(fc.nat(size - 1).map(String), { minLength: 1, maxLength: 3 }),
  }),
);

test('every node comes after all that it needs, and exactly what outputs need is there', () => {
  fc.assert(
    fc.property(graphs, ({ dependencies, outputs }) => {
      const order = executionOrder(outputs, dependencies);
      const needed = new Set<string>();
      const stack = [...outputs];
      for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
        if (needed.has(id)) continue;
        needed.add(id);
        stack.push(...(dependencies.get(id) ?? []).map(({ node }) => node));
      }
      expect(new Set(order)).toEqual(needed);
      expect(order.length).toBe(needed.size);
      for (const [place, id] of order.entries()) {
        for (const { node } of dependencies.get(id) ?? []) expect(order.indexOf(node)).toBeLessThan(place);
      }
    }),
  );
});
