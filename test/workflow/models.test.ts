import { describe, expect, test } from 'vitest';
import { analyze } from '../../src/workflow/analyze.ts';
import { feeding, files, names, prompt, save, workflow } from './documents.ts';

describe('stock nodes', () => {
  test('each input has the category that the node opens', () => {
    expect(names(feeding('CLIPVisionLoader', { clip_name: 'h.safetensors' }))).toEqual(['clip_vision/h.safetensors']);
    expect(
      names(feeding('LTXAVTextEncoderLoader', { text_encoder: 'g.safetensors', ckpt_name: 'l.safetensors', device: 'cpu' })),
    ).toEqual(['text_encoders/g.safetensors', 'checkpoints/l.safetensors']);
    expect(names(feeding('CheckpointLoader', { config_name: 'v1.yaml', ckpt_name: 'a.ckpt' }))).toEqual([
      'configs/v1.yaml',
      'checkpoints/a.ckpt',
    ]);
  });

  test('names from Windows and from Linux name the same file', () => {
    expect(names(feeding('LoraLoaderModelOnly', { lora_name: 'style\\a.safetensors', strength_model: 1 }))).toEqual([
      'loras/style/a.safetensors',
    ]);
  });

  test('a LoRA of strength 0 is not prefetched: the node returns before it loads', () => {
    expect(names(feeding('LoraLoader', { lora_name: 'a.safetensors', strength_model: 0, strength_clip: 0 }))).toEqual([]);
    expect(names(feeding('LoraLoader', { lora_name: 'a.safetensors', strength_model: 0, strength_clip: 0.5 }))).toEqual([
      'loras/a.safetensors',
    ]);
    expect(analyze(feeding('LoraLoaderModelOnly', { lora_name: 'a.safetensors', strength_model: 0 })).skipped).toEqual([
      { node: '1', why: 'a.safetensors: strength 0' },
    ]);
  });

  test.each(['[None]', 'None', 'none', ''])('the choice %j of a model list loads nothing', (existing_lora) => {
    expect(names(feeding('TrainLoraNode', { existing_lora }))).toEqual([]);
  });

  test('the tiny autoencoders are an encoder and a decoder file, whichever format they are in', () => {
    expect(
      names(
        feeding('VAELoader', { vae_name: 'taesd' }),
        files('vae_approx/taesd_encoder.safetensors', 'vae_approx/taesd_decoder.pth'),
      ),
    ).toEqual(['vae_approx/taesd_encoder.safetensors', 'vae_approx/taesd_decoder.pth']);
    expect(names(feeding('VAELoader', { vae_name: 'taef1' }))).toEqual([
      'vae_approx/taef1_encoder.pth',
      'vae_approx/taef1_decoder.pth',
    ]);
    expect(names(feeding('VAELoader', { vae_name: 'taehv.safetensors' }))).toEqual(['vae_approx/taehv.safetensors']);
    expect(names(feeding('VAELoader', { vae_name: 'pixel_space' }))).toEqual([]);
  });

  test('texts, images and file names of other stock nodes are no models', () => {
    const other = prompt({
      '1': ['LoadImage', { image: 'photo.bin' }],
      '2': ['PrimitiveString', { value: 'notes.pt' }],
      '3': ['CLIPTextEncode', { text: 'model.safetensors', clip: ['4', 0] }],
      '4': ['CLIPLoader', { clip_name: 'notes.txt', type: 'sdxl' }],
      '5': ['PreviewAny', { source: ['3', 0], more: ['1', 0], text: ['2', 0] }],
    });
    expect(analyze(other)).toMatchObject({ models: [], skipped: [] });
  });

  test('the same file is listed once, where it is loaded first', () => {
    const twice = prompt({
      '1': ['CheckpointLoaderSimple', { ckpt_name: 'a.safetensors' }],
      '2': ['CheckpointLoaderSimple', { ckpt_name: 'a.safetensors' }],
      '3': ['PreviewAny', { source: ['1', 0] }],
      '4': ['PreviewAny', { source: ['2', 0] }],
    });
    expect(analyze(twice).models.map(({ node }) => node)).toEqual(['1']);
  });
});

describe('names that come over a link', () => {
  test('a name from a text node is followed to its literal', () => {
    const linked = feeding(
      'CheckpointLoaderSimple',
      { ckpt_name: ['2', 0] },
      { '2': ['PrimitiveString', { value: 'a.safetensors' }] },
    );
    expect(names(linked)).toEqual(['checkpoints/a.safetensors']);
  });

  test('a name is followed through a switch and through nodes of other packs that only hold a text', () => {
    const linked = feeding(
      'CheckpointLoaderSimple',
      { ckpt_name: ['2', 0] },
      {
        '2': ['ComfySwitchNode', { switch: false, on_false: ['3', 0], on_true: ['4', 0] }],
        '3': ['String Literal', { string: 'a.safetensors' }],
        '4': ['String Literal', { string: 'b.safetensors' }],
      },
    );
    expect(names(linked)).toContain('checkpoints/a.safetensors');
    expect(names(linked)).not.toContain('checkpoints/b.safetensors');
  });

  test('a name that a node computes is reported as unknown instead of guessed', () => {
    const linked = feeding(
      'CheckpointLoaderSimple',
      { ckpt_name: ['2', 0] },
      {
        '2': ['StringConcatenate', { string_a: 'a', string_b: '.safetensors', delimiter: '' }],
      },
    );
    expect(analyze(linked)).toMatchObject({ models: [], skipped: [{ node: '1', why: 'ckpt_name: node 2 computes the name' }] });
  });

  test('of a switch only the branch that is taken is prefetched; both when the condition is computed', () => {
    const branches = (condition: unknown) =>
      feeding(
        'ComfySwitchNode',
        { switch: condition, on_false: ['2', 0], on_true: ['3', 0] },
        {
          '2': ['VAELoader', { vae_name: 'no.safetensors' }],
          '3': ['VAELoader', { vae_name: 'yes.safetensors' }],
          '4': ['StringCompare', { string_a: 'x', string_b: 'y' }],
          '5': ['PrimitiveBoolean', { value: true }],
        },
      );
    expect(names(branches(['5', 0]))).toEqual(['vae/yes.safetensors']);
    expect(names(branches(false))).toEqual(['vae/no.safetensors']);
    expect(names(branches(['4', 0])).sort()).toEqual(['vae/no.safetensors', 'vae/yes.safetensors']);
    expect(analyze(branches(false)).skipped).toEqual([{ node: '3', why: 'yes.safetensors: a switch leaves it out' }]);
  });
});

test('a soft switch with one branch connected takes that branch, whatever its condition', () => {
  const soft = feeding(
    'ComfySoftSwitchNode',
    { switch: true, on_false: ['2', 0] },
    { '2': ['VAELoader', { vae_name: 'a.pt' }] },
  );
  expect(names(soft)).toEqual(['vae/a.pt']);
});

describe('nodes of other packs', () => {
  test('a row of a LoRA list counts when it is on and has a strength', () => {
    const rows = feeding('Power Lora Loader (rgthree)', {
      PowerLoraLoaderHeaderWidget: { type: 'PowerLoraLoaderHeaderWidget' },
      lora_1: { on: true, lora: 'a.safetensors', strength: 1 },
      lora_2: { on: false, lora: 'b.safetensors', strength: 1 },
      lora_3: { on: true, lora: 'c.safetensors', strength: 0 },
      '➕ Add Lora': '',
    });
    expect(analyze(rows)).toMatchObject({
      models: [{ input: 'lora_1.lora', category: 'loras', name: 'a.safetensors', how: 'name' }],
      skipped: [
        { node: '1', why: 'b.safetensors: switched off' },
        { node: '1', why: 'c.safetensors: strength 0' },
      ],
    });
  });

  test('numbered rows of a stack that are off or beyond its count are not prefetched', () => {
    const stack = { lora_name_1: 'a.safetensors', lora_name_2: 'b.safetensors', lora_name_3: 'None' };
    expect(names(feeding('CR LoRA Stack', { switch_1: 'Off', switch_2: 'On', ...stack }))).toEqual(['loras/b.safetensors']);
    expect(names(feeding('LoRA Stacker', { lora_count: 1, ...stack }))).toEqual(['loras/a.safetensors']);
    expect(names(feeding('easy loraStack', { toggle: false, num_loras: 2, ...stack }))).toEqual([]);
  });

  test.each([
    ['Lora Loader Stack (rgthree)', { lora_01: 'a.safetensors', strength_01: 0, lora_02: 'b.safetensors', strength_02: 0.5 }],
    [
      'NunchakuFluxLoraStack',
      { lora_name_1: 'a.safetensors', lora_strength_1: 0, lora_name_2: 'b.safetensors', lora_strength_2: 1 },
    ],
    ['CR Load LoRA', { lora_name: 'a.safetensors', strength_model: 0, strength_clip: 0 }],
    ['Power Lora Loader (rgthree)', { lora_1: { on: true, lora: 'a.safetensors', strength: 0, strengthTwo: null } }],
  ])('%s does not load at strength 0, and its LoRA is not prefetched', (classType, inputs) => {
    expect(names(feeding(classType, inputs))).not.toContain('loras/a.safetensors');
    expect(analyze(feeding(classType, inputs)).skipped).toEqual([{ node: '1', why: 'a.safetensors: strength 0' }]);
  });

  test.each([
    ['CR LoRA Stack', { switch_1: 'On', lora_name_1: 'a.safetensors', model_weight_1: 0, clip_weight_1: 0 }],
    ['easy loraStack', { toggle: true, num_loras: 1, lora_1_name: 'a.safetensors', lora_1_strength: 0 }],
    ['Any Lora Rows', { rows: [{ lora: 'a.safetensors', strength: 0 }] }],
    ['Any Lora Stack', { lora_01: 'a.safetensors', strength_01: 0 }],
    ['Power Lora Loader (rgthree)', { lora_1: { on: true, lora: 'a.safetensors', strength: 0, strengthTwo: 1 } }],
    ['CR Load LoRA', { lora_name: 'a.safetensors', strength_model: 0, strength_clip: ['7', 0] }],
    ['Lora Loader Stack (rgthree)', { lora_01: 'a.safetensors', strength_01: ['7', 0] }],
  ])('%s %j is loaded, or may be, and is prefetched', (classType, inputs) => {
    expect(names(feeding(classType, inputs))).toEqual(['loras/a.safetensors']);
  });

  test('a row of strength 0 in a saved stack, whose inputs have no names there, is not prefetched', () => {
    const saved = workflow(
      [
        {
          id: 1,
          type: 'Lora Loader Stack (rgthree)',
          outputs: [{ type: 'MODEL' }],
          widgets_values: ['a.safetensors', 0, 'b.safetensors', 1, 'None', 1, 'None', 1],
        },
        save(2, 1),
      ],
      [[1, 1, 0, 2, 0, 'MODEL']],
    );
    expect(names(saved)).toEqual(['loras/b.safetensors']);
  });

  test('lists that the editor wrapped are looked into', () => {
    expect(analyze(feeding('Many Loras', { loras: { __value__: ['a.safetensors', 'b.safetensors'] } })).models).toMatchObject([
      { input: 'loras', category: 'loras', name: 'a.safetensors' },
      { input: 'loras', category: 'loras', name: 'b.safetensors' },
    ]);
  });

  test.each([
    ['UnetLoaderGGUF', 'unet_name', 'a.gguf', 'diffusion_models'],
    ['DualCLIPLoaderGGUF', 'clip_name2', 'a.gguf', 'text_encoders'],
    ['WanVideoModelLoader', 'model', 'a.safetensors', 'diffusion_models'],
    ['WanVideoVAELoader', 'model_name', 'a.safetensors', 'vae'],
    ['LoadWanVideoT5TextEncoder', 'model_name', 'a.safetensors', 'text_encoders'],
    ['IPAdapterModelLoader', 'ipadapter_file', 'a.bin', 'ipadapter'],
    ['LTXICLoRALoaderModelOnly', 'file', 'a.safetensors', 'loras'],
    ['SAMLoader', 'model_name', 'sam_vit_b.pth', 'sams'],
    ['ACN_ControlNetLoaderAdvanced', 'control_net_name', 'a.pth', 'controlnet'],
    ['ADE_LoadAnimateDiffModel', 'model_name', 'a.ckpt', 'animatediff_models'],
    ['Efficient Loader', 'vae_name', 'a.pt', 'vae'],
  ])('%s.%s is understood by its name', (classType, input, name, category) => {
    expect(analyze(feeding(classType, { [input]: name })).models).toMatchObject([{ category, name, how: 'name' }]);
  });

  test('a name that says nothing is found in the category that has the file', () => {
    expect(names(feeding('Mystery', { thing: 'a.pth' }), files('facerestore/a.pth', 'vae/b.pth'))).toEqual([
      'facerestore/a.pth',
    ]);
    expect(names(feeding('Mystery', { thing: 'a.pth' }))).toEqual(['null/a.pth']);
  });

  test('a wrong guess gives way to the category that has the file', () => {
    expect(names(feeding('Odd Loader', { clip_name: 'a.safetensors' }), files('clip_vision/a.safetensors'))).toEqual([
      'clip_vision/a.safetensors',
    ]);
  });

  test('detector names are looked up with and without the prefix that their list adds', () => {
    const detector = feeding('UltralyticsDetectorProvider', { model_name: 'bbox/face.pt' });
    expect(names(detector, files('ultralytics/bbox/face.pt'))).toEqual(['ultralytics/bbox/face.pt']);
    expect(names(detector, files('ultralytics_bbox/face.pt'))).toEqual(['ultralytics_bbox/face.pt']);
  });

  test.each([
    { filename_prefix: 'out/model.safetensors' },
    { save_path: 'x.ckpt' },
    { text: 'use a.safetensors' },
    { notes: 'first\nb.safetensors' },
    { url: 'https://example.org/a.safetensors' },
    { anything: 'https://example.org/a.safetensors' },
    { image: 'photo.png', config: 'a.yaml', data: 'a.txt' },
  ])('%j names no model to load', (inputs) => {
    expect(names(feeding('Custom Node', inputs))).toEqual([]);
  });

  test('a file name that a node only shows is no model', () => {
    expect(names(feeding('ShowText|pysssss', { result: 'a.safetensors' }))).toEqual([]);
  });
});
