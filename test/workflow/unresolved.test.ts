import { describe, expect, test } from 'vitest';
import { analyze } from '../../src/workflow/analyze.ts';
import type { AnalyzeOptions } from '../../src/workflow/types.ts';
import { feeding, files, type PromptNodes, prompt } from './documents.ts';

function unresolved(classType: string, inputs: Record<string, unknown>, rest: PromptNodes = {}, options: AnalyzeOptions = {}) {
  const found = analyze(feeding(classType, inputs, rest), options).unresolved;
  return found.map(({ input, value, reason }) => [input, value, reason]);
}

describe('an input that names or chooses a model is listed with why no file could be told', () => {
  test.each([
    ['Power Lora Loader (rgthree)', { lora_1: { on: true, lora: 'ink', strength: 1 } }, ['lora_1.lora', 'ink', 'NO_MATCH']],
    ['Any Lora Stack', { lora_01: 'ink', strength_01: 1 }, ['lora_01', 'ink', 'NO_MATCH']],
    ['Any Loader', { ckpt_name: 'SDXL/base' }, ['ckpt_name', 'SDXL/base', 'NO_MATCH']],
    ['WanVideoModelLoader', { model: 'wan2.1', base_precision: 'bf16' }, ['model', 'wan2.1', 'NO_MATCH']],
    ['IPAdapterUnifiedLoader', { preset: 'PLUS (high strength)' }, ['preset', 'PLUS (high strength)', 'NOT_LEARNED']],
    [
      'IPAdapterUnifiedLoaderFaceID',
      { preset: 'FACEID', lora_strength: 0.6, provider: 'CPU' },
      ['preset', 'FACEID', 'NOT_LEARNED'],
    ],
    ['FaceSwapUnifiedLoader', { preset: 'fast', provider: 'CPU' }, ['preset', 'fast', 'NOT_LEARNED']],
    ['LoadAnyControlNet', { kind: 'canny', dtype: 'fp16' }, ['kind', 'canny', 'NOT_LEARNED']],
    ['Florence2ModelLoader', { model: 'Florence-2-base', precision: 'fp16' }, ['model', 'Florence-2-base', 'OWN_LOADER']],
    ['DWPreprocessor', { bbox_detector: 'yolox_l.onnx', resolution: 512 }, ['bbox_detector', 'yolox_l.onnx', 'OWN_LOADER']],
    ['Load Lora From Path', { path: '/m/loras/ink.safetensors' }, ['path', '/m/loras/ink.safetensors', 'OWN_LOADER']],
    ['AnyLoader', { lora_path: 'D:\\ai\\ink.safetensors' }, ['lora_path', 'D:\\ai\\ink.safetensors', 'OWN_LOADER']],
    ['IPAdapterInsightFaceLoader', { provider: 'CPU', model_name: 'buffalo_l' }, ['model_name', 'buffalo_l', 'OWN_LOADER']],
  ])('%s %j', (classType, inputs, expected) => {
    expect(unresolved(classType, inputs)).toEqual([expected]);
  });

  const odd = 'a\u001b[2J\nb.safetensors';
  test.each([
    ['CheckpointLoaderSimple', { ckpt_name: odd }, ['ckpt_name', odd, 'NO_NAME']],
    ['LoraLoaderModelOnly', { lora_name: '"><img src=x>.safetensors' }, ['lora_name', '"><img src=x>.safetensors', 'NO_NAME']],
    ['VAELoader', { vae_name: 'two\r\nlines.pt' }, ['vae_name', 'two\r\nlines.pt', 'NO_NAME']],
    ['UNETLoader', { unet_name: 'no-extension' }, ['unet_name', 'no-extension', 'NO_MATCH']],
    ['Any Lora Loader', { lora_name: odd }, ['lora_name', odd, 'NO_NAME']],
    ['Power Lora Loader (rgthree)', { lora_1: { on: true, lora: odd, strength: 1 } }, ['lora_1.lora', odd, 'NO_NAME']],
  ])('a text in the place of a name was left out in silence: %s %j', (classType, inputs, expected) => {
    expect(unresolved(classType, inputs)).toEqual([expected]);
  });

  test.each([
    ['CheckpointLoaderSimple', 'ckpt_name', 'checkpoints'],
    ['Any Lora Loader', 'lora_name', 'loras'],
  ])('a file that is really called so is found: %s', (classType, input, category) => {
    const found = analyze(feeding(classType, { [input]: odd }), files(`${category}/${odd}`));
    expect([found.unresolved, found.models.map(({ name, path }) => [name, path !== null])]).toEqual([[], [[odd, true]]]);
  });

  test('a name that another node computes', () => {
    const computing: PromptNodes = { '2': ['StringConcatenate', { string_a: 'a', string_b: 'b', delimiter: '' }] };
    expect(unresolved('CheckpointLoaderSimple', { ckpt_name: ['2', 0] }, computing)).toEqual([['ckpt_name', null, 'COMPUTED']]);
    expect(unresolved('Any Lora Loader', { lora_name: ['2', 0], model: ['3', 0] }, computing)).toEqual([
      ['lora_name', null, 'COMPUTED'],
    ]);
  });

  test('of several files none', () => {
    const options = { ...files('loras/a/ink.pt', 'loras/b/ink.pt'), withStem: () => ['a/ink.pt', 'b/ink.pt'] };
    expect(unresolved('Any Lora Loader', { lora_name: 'ink' }, {}, options)).toEqual([['lora_name', 'ink', 'SEVERAL']]);
  });
});

describe('nothing else is listed', () => {
  test.each([
    [
      'KSampler (Efficient)',
      { sampler_name: 'euler', scheduler: 'karras', steps: 20, cfg: 7, seed: 1, preview_method: 'auto', vae_decode: 'true' },
    ],
    [
      'UltimateSDUpscale',
      { upscale_by: 2, sampler_name: 'euler', mode_type: 'Linear', seam_fix_mode: 'None', upscale_model: ['2', 0] },
    ],
    ['CR Prompt Text', { prompt: 'a cat', text: 'model', positive: 'best quality', negative: 'lowres' }],
    [
      'Efficient Loader',
      {
        ckpt_name: 'a.safetensors',
        vae_name: 'Baked VAE',
        lora_name: 'None',
        token_normalization: 'none',
        weight_interpretation: 'comfy',
        empty_latent_width: 512,
      },
    ],
    ['DualCLIPLoaderGGUF', { clip_name1: 'a.gguf', clip_name2: 'b.gguf', type: 'flux' }],
    [
      'WanVideoModelLoader',
      {
        model: 'a.safetensors',
        base_precision: 'bf16',
        quantization: 'disabled',
        load_device: 'offload_device',
        attention_mode: 'sdpa',
      },
    ],
    ['VHS_LoadVideo', { video: 'a.mp4', force_rate: 0, format: 'AnimateDiff', choose_video_to_upload: 'image' }],
    ['ImageUpscaleLoader', { upscale_method: 'nearest-exact', image: 'a.png' }],
    ['ACN_AdvancedControlNetApply', { control_net: ['2', 0], strength: 1, controlnet_type: 'canny', model_optional: ['3', 0] }],
    ['SomeChat', { model: 'gpt-4o', system: 'be kind', temperature: 0.3 }],
    [
      'Power Lora Loader (rgthree)',
      {
        PowerLoraLoaderHeaderWidget: { type: 'PowerLoraLoaderHeaderWidget' },
        lora_1: { on: false, lora: 'ink', strength: 1 },
        lora_2: { on: true, lora: 'None', strength: 1 },
        '➕ Add Lora': '',
      },
    ],
    ['Save Model Loader Note', { filename_prefix: 'x', label: 'IPAdapter', note: 'use ink' }],
    ['VAELoaderKJ', { vae_name: 'a.safetensors', device: 'main_device', weight_dtype: 'bf16' }],
    ['CannyEdgePreprocessor', { low_threshold: 100, high_threshold: 200, resolution: 512 }],
    ['AIO_Preprocessor', { preprocessor: 'CannyEdgePreprocessor', resolution: 512 }],
  ])('for %s', (classType, inputs) => {
    expect(
      unresolved(classType, inputs, {
        '2': ['UpscaleModelLoader', { model_name: 'x.pth' }],
        '3': ['UNETLoader', { unet_name: 'y.gguf' }],
      }),
    ).toEqual([]);
  });

  test('and names of inputs made to cost time cost none', () => {
    const inputs = Object.fromEntries(['lora', 'x_lora_1', 'model'].map((start) => [`${start}${'1'.repeat(200_000)}x`, 'ink']));
    expect(unresolved('Any Loader', inputs)).toEqual([]);
  });

  test('for nodes that are not executed', () => {
    const apart = prompt({
      '1': ['Any Lora Loader', { lora_name: 'ink' }],
      '3': ['VAEDecode', { samples: ['1', 0] }],
      '2': ['VAELoader', { vae_name: 'a.pt' }],
      '9': ['PreviewAny', { source: ['2', 0] }],
    });
    expect(analyze(apart).unresolved).toEqual([]);
  });

  test('for stock nodes, whatever stands in their inputs', () => {
    const stock = prompt({
      '1': ['CLIPTextEncode', { text: 'lora model', clip: ['2', 1] }],
      '2': ['CheckpointLoaderSimple', { ckpt_name: 'a.safetensors' }],
      '3': [
        'KSampler',
        {
          model: ['2', 0],
          positive: ['1', 0],
          negative: ['1', 0],
          sampler_name: 'euler',
          scheduler: 'normal',
          seed: 3,
          steps: 20,
          cfg: 7,
          denoise: 1,
        },
      ],
      '9': ['PreviewAny', { source: ['3', 0] }],
    });
    expect(analyze(stock).unresolved).toEqual([]);
  });
});
