import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { Client } from '../../src/cli/client.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { writeModel } from '../helpers/files.ts';
import { soon } from '../helpers/patience.ts';
import { type PromptNodes, prompt } from '../workflow/documents.ts';

const face = {
  'clip_vision/ViT-H.safetensors': 900,
  'ipadapter/ip-adapter-plus_sd15.safetensors': 700,
  'ipadapter/ip-adapter_sd15.safetensors': 500,
};

/** A prompt with one loader of a pack. */
function loading(classType: string, inputs: Record<string, unknown>, more: PromptNodes = {}) {
  return { prompt: prompt({ '5': [classType, inputs], ...more, '9': ['PreviewAny', { source: ['5', 0] }] }) };
}

/** ComfyUI runs a prompt: it is queued, and a node asks for these files, as the shim passes it on. */
async function run(client: Client, document: ReturnType<typeof loading>, files: readonly string[], node = '5') {
  const promptId = `prompt-${++run.count}`;
  await client.prefetch({ ...document, promptId });
  await ask(client, promptId, files, node);
}
run.count = 0;

async function ask(client: Client, promptId: string, files: readonly string[], node = '5') {
  for (const file of files) {
    const [category = '', ...name] = file.split('/');
    const asker = { app: 'comfyui', pid: 1, prompt: promptId, node };
    await client.lookup({ category, name: name.join('/'), purpose: 'load', waitMs: 0, client: asker });
  }
}

async function found(client: Client, document: ReturnType<typeof loading>) {
  const { models, unresolved } = await client.analyze(document);
  return {
    files: models.filter(({ path }) => path !== null).map(({ category, name }) => `${category}/${name}`),
    models,
    unresolved: unresolved.map(({ input, value, reason }) => [input, value, reason]),
  };
}

describe('the files behind a preset', () => {
  const unified = (preset: string, more = {}) =>
    loading('FaceAdapterUnifiedLoader', { model: ['1', 0], preset, provider: 'CPU', strength: 0.6, ...more });
  const plus = ['clip_vision/ViT-H.safetensors', 'ipadapter/ip-adapter-plus_sd15.safetensors'];
  const standard = ['clip_vision/ViT-H.safetensors', 'ipadapter/ip-adapter_sd15.safetensors'];

  test('are unknown until it has run, and are copied with the next prompt, also with another strength and after a restart', {
    tags: 'slow',
  }, async () => {
    const daemon = await runDaemon(face);
    expect(await found(daemon.client, unified('PLUS (high)'))).toMatchObject({
      files: [],
      unresolved: [['preset', 'PLUS (high)', 'NOT_LEARNED']],
    });
    await run(daemon.client, unified('PLUS (high)'), plus);
    expect(await found(daemon.client, unified('PLUS (high)', { strength: 0.8 }))).toMatchObject({
      files: plus,
      models: [{ how: 'learned', node: '5', classType: 'FaceAdapterUnifiedLoader' }, { how: 'learned' }],
      unresolved: [],
    });
    await daemon.restart();
    expect((await found(daemon.client, unified('PLUS (high)'))).files).toEqual(plus);
    const { models } = await daemon.client.prefetch(unified('PLUS (high)'));
    expect(models.map(({ category, name }) => `${category}/${name}`)).toEqual(plus);
    await vi.waitFor(async () => expect((await daemon.client.entries({ cached: true })).total).toBe(2), soon());
  });

  test('are those of this preset, not of another one of the same node', async () => {
    const { client } = await runDaemon(face);
    await run(client, unified('PLUS (high)'), plus);
    expect((await found(client, unified('STANDARD'))).files).toEqual([]);
    await run(client, unified('STANDARD'), standard);
    expect((await found(client, unified('PLUS (high)'))).files).toEqual(plus);
    expect((await found(client, unified('STANDARD'))).files).toEqual(standard);
  });

  test('do not depend on an input that was seen to make no difference', async () => {
    const { client } = await runDaemon(face);
    await run(client, unified('PLUS (high)'), plus);
    expect((await found(client, unified('PLUS (high)', { provider: 'CUDA' }))).files).toEqual([]);
    await run(client, unified('PLUS (high)', { provider: 'CUDA' }), plus);
    await run(client, unified('STANDARD'), standard);
    expect((await found(client, unified('STANDARD', { provider: 'ROCM' }))).files).toEqual(standard);
  });

  test('are those of a size where a number chooses', async () => {
    const { client } = await runDaemon({ 'LLM/small.gguf': 300, 'LLM/large.gguf': 400 });
    const sized = (billions: number) => loading('TalkModelLoader', { quant: 'q4', billions });
    await run(client, sized(7), ['LLM/small.gguf']);
    await run(client, sized(13), ['LLM/large.gguf']);
    expect((await found(client, sized(7))).files).toEqual(['LLM/small.gguf']);
    expect((await found(client, sized(13))).files).toEqual(['LLM/large.gguf']);
  });

  test('are those of the latest run: a better file was put beside the old one, and the pattern of the node finds it', async () => {
    const { client, root } = await runDaemon(face);
    await run(client, unified('PLUS (high)'), plus);
    writeModel(join(root, 'ipadapter/ip-adapter-plus_sd15_v2.safetensors'), 800);
    const now = ['clip_vision/ViT-H.safetensors', 'ipadapter/ip-adapter-plus_sd15_v2.safetensors'];
    await run(client, unified('PLUS (high)', { strength: 0.9 }), now);
    expect((await found(client, unified('PLUS (high)'))).files).toEqual(now);
  });

  test('are those of the workflow in the editor too, which does not name its inputs', async () => {
    const { client } = await runDaemon(face);
    await run(client, unified('PLUS (high)'), plus);
    const saved = (preset: string) => ({
      nodes: [
        { id: 5, type: 'FaceAdapterUnifiedLoader', outputs: [{ type: 'IPADAPTER' }], widgets_values: [preset, 'CPU', 0.9] },
        { id: 9, type: 'PreviewAny', inputs: [{ name: 'source', type: '*', link: 1 }] },
      ],
      links: [[1, 5, 0, 9, 0, 'IPADAPTER']],
    });
    expect((await client.analyze({ workflow: saved('PLUS (high)') })).models.map(({ how }) => how)).toEqual([
      'learned',
      'learned',
    ]);
    expect((await client.analyze({ workflow: saved('STANDARD') })).models).toEqual([]);
  });

  test('are forgotten when they are gone', async () => {
    const { client, root } = await runDaemon(face);
    await run(client, unified('PLUS (high)'), plus);
    for (const file of plus) rmSync(join(root, file));
    expect(await found(client, unified('PLUS (high)'))).toMatchObject({
      files: [],
      unresolved: [['preset', 'PLUS (high)', 'NOT_LEARNED']],
    });
    for (const file of plus) writeModel(join(root, file), 400);
    await run(client, unified('STANDARD'), standard);
    expect((await found(client, unified('PLUS (high)'))).files).toEqual([]);
  });

  test('are learned from what a node loads that this one has made while it ran', async () => {
    const { client } = await runDaemon(face);
    await run(client, unified('PLUS (high)'), plus, '5.0.0.2');
    expect((await found(client, unified('PLUS (high)'))).files).toEqual(plus);
  });

  test('are learned although ComfyUI gives the prompt its id only when it runs, after the first loads even', async () => {
    const { client } = await runDaemon(face);
    await client.prefetch(unified('PLUS (high)'));
    await ask(client, 'late', plus);
    expect((await found(client, unified('PLUS (high)'))).files).toEqual([]);
    await client.running({ ...unified('PLUS (high)'), promptId: 'late' });
    expect((await found(client, unified('PLUS (high)'))).files).toEqual(plus);
  });

  test('teach nothing about texts that people write', async () => {
    const { client } = await runDaemon(face);
    const talking = (custom_prompt: string) => loading('SeeModelLoader', { kind: 'fast', custom_prompt, seed: run.count });
    await run(client, talking('a cat'), plus);
    expect((await found(client, talking('a dog on a hill,\nat night'))).files).toEqual(plus);
  });
});

describe('a name without extension', () => {
  const rows = (...loras: string[]) =>
    loading('Power Lora Loader (rgthree)', {
      PowerLoraLoaderHeaderWidget: { type: 'PowerLoraLoaderHeaderWidget' },
      ...Object.fromEntries(loras.map((lora, index) => [`lora_${index + 1}`, { on: true, lora, strength: 1 }])),
      '➕ Add Lora': '',
    });

  test('is the one file of the category that is called so, at the first prompt', async () => {
    const { client, root } = await runDaemon({ 'loras/sub/myLora.safetensors': 500, 'checkpoints/myLora.safetensors': 100 });
    const { jobs } = await client.prefetch(rows('myLora'));
    expect(jobs.map(({ path }) => path)).toEqual([join(root, 'loras/sub/myLora.safetensors')]);
    expect((await found(client, rows('sub/myLora'))).files).toEqual(['loras/sub/myLora.safetensors']);
  });

  test('is found where the file was moved, and in tags of prompts', async () => {
    const { client } = await runDaemon({ 'loras/styles/v1.5-ink.safetensors': 500 });
    expect((await found(client, rows('old/v1.5-ink.safetensors'))).files).toEqual(['loras/styles/v1.5-ink.safetensors']);
    const tagged = loading('Power Prompt (rgthree)', { prompt: 'a cat <lora:v1.5-ink:0.8>', insert_lora: 'CHOOSE' });
    expect((await found(client, tagged)).files).toEqual(['loras/styles/v1.5-ink.safetensors']);
  });

  test('that several files have is not guessed; the one that was loaded is learned, in any row', async () => {
    const { client } = await runDaemon({ 'loras/a/ink.safetensors': 500, 'loras/b/ink.safetensors': 600 });
    expect(await found(client, rows('ink'))).toMatchObject({ files: [], unresolved: [['lora_1.lora', 'ink', 'SEVERAL']] });
    expect((await client.analyze(rows('ink'))).unresolved[0]?.candidates.toSorted()).toEqual([
      'a/ink.safetensors',
      'b/ink.safetensors',
    ]);
    await run(client, rows('ink'), ['loras/b/ink.safetensors']);
    expect(await found(client, rows('None', 'ink'))).toMatchObject({ files: ['loras/b/ink.safetensors'], unresolved: [] });
  });

  test('that no file has is told, and a switched-off row is not', async () => {
    const { client } = await runDaemon({ 'loras/a.safetensors': 500 });
    expect((await found(client, rows('nowhere'))).unresolved).toEqual([['lora_1.lora', 'nowhere', 'NO_MATCH']]);
    const off = loading('Power Lora Loader (rgthree)', { lora_1: { on: false, lora: 'nowhere', strength: 1 } });
    expect((await found(client, off)).unresolved).toEqual([]);
  });

  test('that a pack makes a list of belongs to the node with the list, whichever node loads it', async () => {
    const { client } = await runDaemon({ 'loras/a/ink.safetensors': 500, 'loras/b/ink.safetensors': 600 });
    const stack = (name: string) =>
      loading(
        'Apply Any Stack',
        { stack: ['6', 0] },
        { '6': ['Any Lora Stacker', { loras: [{ name, active: true, strength: '1' }] }] },
      );
    await run(client, stack('ink'), ['loras/b/ink.safetensors']);
    expect((await found(client, stack('ink'))).files).toEqual(['loras/b/ink.safetensors']);
    expect((await found(client, stack('other'))).files).toEqual([]);
  });

  test('of a model that is a folder stands for the files in it', async () => {
    const { client } = await runDaemon({ 'LLM/Seer-2-base/model.safetensors': 500, 'LLM/Seer-2-large/model.safetensors': 600 });
    const seer = (model: string, precision = 'fp16') => loading('SeerModelLoader', { model, precision });
    await run(client, seer('vendor/Seer-2-base'), ['LLM/Seer-2-base/model.safetensors']);
    expect((await found(client, seer('vendor/Seer-2-base', 'bf16'))).files).toEqual(['LLM/Seer-2-base/model.safetensors']);
    expect(await found(client, seer('vendor/Seer-2-large'))).toMatchObject({
      files: [],
      unresolved: [['model', 'vendor/Seer-2-large', 'NO_MATCH']],
    });
  });

  test('is learned from a load that came with a path only', async () => {
    const { client, root } = await runDaemon({ 'insightface/models/buffalo_l/det.onnx': 500 });
    const faces = loading('FaceSwapLoader', { provider: 'CPU', model_name: 'buffalo_l' });
    await client.prefetch({ ...faces, promptId: 'p' });
    const asker = { app: 'comfyui', pid: 1, prompt: 'p', node: '5', nodeClass: 'FaceSwapLoader' };
    await client.lookup({
      path: join(root, 'insightface/models/buffalo_l/det.onnx'),
      purpose: 'load',
      waitMs: 0,
      client: asker,
    });
    expect((await found(client, faces)).files).toEqual(['insightface/models/buffalo_l/det.onnx']);
  });
});

describe('a node that opens its files itself', () => {
  const nodes = loading(
    'Checkpoint Loader (LoraManager)',
    { ckpt_name: 'base.safetensors' },
    {
      '6': [
        'Lora Loader (LoraManager)',
        { model: ['5', 0], text: '<lora:ink:1>', loras: { __value__: [{ name: 'ink', active: true, strength: '1' }] } },
      ],
      '7': ['Florence2ModelLoader', { model: 'Florence-2-base', precision: 'fp16', attention: 'sdpa' }],
      '8': ['DepthAnythingPreprocessor', { ckpt_name: 'depth_anything_vitl14.pth', resolution: 512, image: ['7', 0] }],
      '10': [
        'AILab_QwenVL',
        { model_name: 'Qwen3-VL-4B-Instruct', preset_prompt: 'Detailed', custom_prompt: 'what is this?', seed: 1 },
      ],
      '11': ['PreviewAny', { a: ['6', 0], b: ['8', 0], c: ['10', 0] }],
    },
  );

  test('has them named and not copied: no copy would be used', async () => {
    const { client } = await runDaemon({ 'checkpoints/base.safetensors': 900, 'loras/sub/ink.safetensors': 300 });
    const { models, unresolved } = await client.analyze(nodes);
    expect(models).toMatchObject([
      { name: 'base.safetensors', opensItself: true, ready: false, why: expect.stringContaining('would not be used') },
      { name: 'sub/ink.safetensors', opensItself: true },
    ]);
    expect(unresolved.map(({ node, input, value, reason }) => [node, input, value, reason]).sort()).toEqual([
      ['10', 'model_name', 'Qwen3-VL-4B-Instruct', 'OWN_LOADER'],
      ['7', 'model', 'Florence-2-base', 'OWN_LOADER'],
      ['8', 'ckpt_name', 'depth_anything_vitl14.pth', 'OWN_LOADER'],
    ]);
    expect((await client.prefetch(nodes)).jobs).toEqual([]);
    expect((await client.warm({ ...nodes, wait: true })).items).toEqual([]);
    expect((await client.entries({ cached: true })).total).toBe(0);
  });

  test('is served like others when it is seen to look them up', { tags: 'slow' }, async () => {
    const { client } = await runDaemon({ 'LLM/Florence-2-base/model.safetensors': 900 });
    const florence = loading('Florence2ModelLoader', { model: 'Florence-2-base', precision: 'fp16' });
    await run(client, florence, ['LLM/Florence-2-base/model.safetensors']);
    expect((await client.prefetch(florence)).models).toMatchObject([
      { name: 'Florence-2-base/model.safetensors', how: 'learned' },
    ]);
    await vi.waitFor(async () => expect((await client.entries({ cached: true })).total).toBe(1), soon());
  });
});

test('the folders of a file that is away are asked by what the catalog knows of them', { tags: 'slow' }, async () => {
  const daemon = await runDaemon({ 'loras/sub/ink.safetensors': 500 });
  await daemon.client.warm({ names: ['loras/sub/ink.safetensors'], wait: true });
  await daemon.end();
  rmSync(daemon.root, { recursive: true });
  await daemon.restart();
  const row = loading('Some Lora Loader', { lora_name: 'ink' });
  expect((await daemon.client.analyze(row)).models).toMatchObject([{ name: 'sub/ink.safetensors', ready: true }]);
});
