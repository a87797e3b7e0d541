import { describe, expect, test } from 'vitest';
import { analyze } from '../../src/workflow/analyze.ts';
import { feeding, files, names, objectInfo, prompt } from './documents.ts';

describe('which source is believed', () => {
  const node = feeding('Mystery Loader', { file: 'a.safetensors' });
  const withDeclared = {
    prompt: node,
    workflow: {
      nodes: [{ id: 1, type: 'Mystery Loader', properties: { models: [{ name: 'a.safetensors', directory: 'unet' }] } }],
      links: [],
    },
  };
  const info = {
    'Mystery Loader': { input: { required: { file: [['a.safetensors', 'b.safetensors'], {}] } }, output_node: false },
  };
  const exists = files('model_patches/a.safetensors', 'model_patches/b.safetensors');

  test('what the author declared, before a guess', () => {
    expect(analyze(withDeclared).models).toMatchObject([{ category: 'diffusion_models', how: 'models' }]);
  });

  test('what ComfyUI offers, before that', () => {
    expect(analyze(withDeclared, { objectInfo: info, ...exists }).models).toMatchObject([
      { category: 'model_patches', how: 'object_info', path: '/models/model_patches/a.safetensors' },
    ]);
  });

  test('what was looked up before, first of all', () => {
    const learned = (classType: string, input: string) =>
      `${classType}.${input}` === 'Mystery Loader.file' ? 'embeddings' : null;
    expect(analyze(withDeclared, { objectInfo: info, ...exists, learned }).models).toMatchObject([
      { category: 'embeddings', how: 'learned' },
    ]);
  });

  test('a learned input that is set to nothing loads nothing', () => {
    expect(names(feeding('Mystery Loader', { file: 'None' }), { learned: () => 'loras' })).toEqual([]);
  });

  test('a file that is gone keeps the category of the others in its list', () => {
    const gone = feeding('Mystery Loader', { file: 'gone.safetensors' });
    expect(analyze(gone, { objectInfo: info, ...exists }).models).toMatchObject([
      { category: 'model_patches', name: 'gone.safetensors', how: 'object_info', path: null },
    ]);
  });

  test('of two categories that share the file the usual one is named', () => {
    const shared = files('unet_gguf/a.safetensors', 'diffusion_models/a.safetensors');
    const unet = { UNETLoader: { input: { required: { unet_name: ['COMBO', { options: ['a.safetensors'] }] } } } };
    expect(
      analyze(feeding('UNETLoader', { unet_name: 'a.safetensors' }), { objectInfo: unet, ...shared }).models,
    ).toMatchObject([{ category: 'diffusion_models', how: 'object_info' }]);
  });

  test('of two categories that have the file the one with more of the list is named', () => {
    const both = files('a/b.safetensors', 'z/a.safetensors', 'z/b.safetensors', 'z/c.safetensors');
    const list = { Loader: { input: { required: { file: [['a.safetensors', 'b.safetensors', 'c.safetensors'], {}] } } } };
    expect(analyze(feeding('Loader', { file: 'b.safetensors' }), { objectInfo: list, ...both }).models).toMatchObject([
      { category: 'z' },
    ]);
  });

  test('inputs that a choice brings are found under their dotted name', () => {
    const info = {
      Loader: {
        input: {
          required: {
            mode: [
              'COMFY_DYNAMICCOMBO_V3',
              {
                options: [
                  { key: 'file', inputs: { required: { model: ['COMBO', { options: ['a.safetensors'] }] } } },
                  { key: 'none', inputs: {} },
                ],
              },
            ],
          },
        },
      },
    };
    const dynamic = feeding('Loader', { mode: 'file', 'mode.model': 'a.safetensors' });
    expect(analyze(dynamic, { objectInfo: info, ...files('gligen/a.safetensors') }).models).toMatchObject([
      { input: 'mode.model', category: 'gligen', how: 'object_info' },
    ]);
  });
});

describe('what ComfyUI refuses', () => {
  const broken = {
    '1': ['CheckpointLoaderSimple', { ckpt_name: 'a.safetensors' }],
    '2': ['VAEDecode', { vae: ['1', 2] }],
    '3': ['SaveImage', { filename_prefix: 'x', images: ['2', 0] }],
    '4': ['VAELoader', { vae_name: 'b.safetensors' }],
    '5': ['PreviewAny', { source: ['4', 0] }],
  } as const;

  test('an output that lacks a required input is not executed, so its models are not prefetched', () => {
    const { models, skipped } = analyze(prompt(broken), { objectInfo });
    expect(models.map(({ name }) => name)).toEqual(['b.safetensors']);
    expect(skipped).toEqual([
      { node: '1', why: 'a.safetensors: ComfyUI refuses its output: a required input is not connected' },
    ]);
  });

  test('inputs that grow in number are not missed under the name of their group', () => {
    const list = { '6': ['CreateList', { 'inputs.input0': ['7', 0] }], '7': ['VAELoader', { vae_name: 'c.pt' }] } as const;
    const document = prompt({ ...broken, ...list, '8': ['PreviewAny', { source: ['6', 0] }] });
    expect(names(document, { objectInfo })).toEqual(['vae/b.safetensors', 'vae/c.pt']);
  });

  test('where every output lacks something, the document is taken as one in the making', () => {
    const { '4': _, '5': __, ...only } = broken;
    expect(names(prompt(only), { objectInfo })).toEqual(['checkpoints/a.safetensors']);
  });
});
