import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runDaemon } from '../helpers/daemon.ts';
import { prompt } from '../workflow/documents.ts';
import { png, textChunk, webp } from '../workflow/images.ts';
import { runCli } from './run-cli.ts';

const document = prompt({
  '1': ['CheckpointLoaderSimple', { ckpt_name: 'base.safetensors' }],
  '2': ['LoraLoaderModelOnly', { model: ['1', 0], lora_name: 'style.safetensors', strength_model: 1 }],
  '9': ['PreviewAny', { source: ['2', 0] }],
});
const saved = {
  nodes: [
    {
      id: 1,
      type: 'CheckpointLoaderSimple',
      mode: 0,
      outputs: [{ name: 'MODEL', type: 'MODEL', links: [1] }],
      widgets_values: ['base.safetensors'],
    },
    { id: 9, type: 'PreviewAny', mode: 0, inputs: [{ name: 'source', type: '*', link: 1 }] },
  ],
  links: [[1, 1, 0, 9, 0, '*']],
};
const files = { 'checkpoints/base.safetensors': 3000, 'loras/style.safetensors': 1000, 'loras/other.safetensors': 500 };

function image(format: 'png' | 'webp'): Buffer {
  const text = JSON.stringify(document);
  return format === 'png' ? png(textChunk('tEXt', 'prompt', text)) : webp([`prompt:${text}`]);
}

describe('warm takes a workflow, whatever its file is called', () => {
  test.each([
    ['an API prompt', JSON.stringify(document), 2],
    ['a body of POST /prompt', ` ${JSON.stringify({ client_id: 'x', prompt: document })}`, 2],
    ['a workflow of the editor', JSON.stringify(saved), 1],
    ['a PNG', image('png'), 2],
    ['a WebP', image('webp'), 2],
  ])('%s', async (_what, content, count) => {
    const { stateDir, dir } = await runDaemon(files);
    writeFileSync(join(dir, 'given'), content);
    const check = await runCli(['warm', 'given', '--check'], { stateDir, cwd: dir });
    expect(check.code).toBe(4);
    expect(check.out).toContain(`0 of ${count} file`);
    const done = await runCli(['warm', 'given'], { stateDir, cwd: dir });
    expect(done.out).toContain(`${count} of ${count} file`);
    expect(done.code).toBe(0);
    expect((await runCli(['warm', 'given', '--check'], { stateDir, cwd: dir })).code).toBe(0);
  });

  test('mixed with paths, directories and names, each file once', async () => {
    const { stateDir, dir, root } = await runDaemon(files);
    writeFileSync(join(dir, 'flow.json'), JSON.stringify(document));
    const args = ['warm', 'flow.json', 'loras:style.safetensors', join(root, 'loras', 'other.safetensors'), '--json'];
    const { out, code } = await runCli(args, { stateDir, cwd: dir });
    expect(code).toBe(0);
    expect(JSON.parse(out).items.map(({ item }: { item: string }) => item)).toEqual([
      join(root, 'loras', 'other.safetensors'),
      'loras/style.safetensors',
      'checkpoints/base.safetensors',
    ]);
  });

  test('but a JSON file of a model is a file as any other', async () => {
    const { stateDir, dir, root } = await runDaemon(files);
    writeFileSync(join(root, 'loras', 'config.json'), '{"architectures": ["x"]}');
    const { out, code } = await runCli(['warm', join(root, 'loras', 'config.json')], { stateDir, cwd: dir });
    expect(out).toContain('1 of 1 file ready');
    expect(code).toBe(0);
  });
});

test('warm of a workflow whose model is not on this machine says which, and is no success', async () => {
  const { stateDir, dir } = await runDaemon({ 'checkpoints/base.safetensors': 3000 });
  writeFileSync(join(dir, 'flow.json'), JSON.stringify(document));
  const { code, out } = await runCli(['warm', 'flow.json'], { stateDir, cwd: dir });
  expect(code).toBe(1);
  expect(out).toMatch(/missing +- +loras\/style.safetensors/);
});

test('--check notices a source that was replaced, even by one of the same size', async () => {
  const { stateDir, dir, root } = await runDaemon(files);
  writeFileSync(join(dir, 'flow.json'), JSON.stringify(document));
  expect((await runCli(['warm', 'flow.json'], { stateDir, cwd: dir })).code).toBe(0);
  writeFileSync(join(root, 'loras/style.safetensors'), Buffer.alloc(1000));
  expect((await runCli(['warm', 'flow.json', '--check'], { stateDir, cwd: dir })).code).toBe(4);
});

describe('analyze', () => {
  test('prints node, input, category, file, where it is and its size, in load order', async () => {
    const { stateDir, dir } = await runDaemon({ 'checkpoints/base.safetensors': 3000 });
    writeFileSync(join(dir, 'flow.json'), JSON.stringify(document));
    await runCli(['warm', 'checkpoints/base.safetensors'], { stateDir, cwd: dir });
    const { code, out } = await runCli(['analyze', 'flow.json'], { stateDir, cwd: dir });
    expect(code).toBe(0);
    expect(out).toMatch(/NODE +INPUT +CATEGORY +FILE +WHERE +SIZE/);
    expect(out).toMatch(
      /1 CheckpointLoaderSimple +ckpt_name +checkpoints +base.safetensors +ssd +2.93 KiB\n2 LoraLoaderModelOnly/,
    );
    expect(out).toMatch(/2 LoraLoaderModelOnly +lora_name +loras +style.safetensors +- +- +there is no such file/);
    expect(out).toContain('2 models, 2.93 KiB; 1 on the fast disk; 1 not found');
  });

  test('lists the inputs for which no file could be told, each with why, on a page of 80 columns', async () => {
    const { stateDir, dir } = await runDaemon({ 'loras/a/ink.safetensors': 500, 'loras/b/ink.safetensors': 600 });
    const rows = prompt({
      '1': [
        'Power Lora Loader (rgthree)',
        { lora_1: { on: true, lora: 'ink', strength: 1 }, lora_2: { on: true, lora: 'nowhere', strength: 1 } },
      ],
      '2': ['IPAdapterUnifiedLoader', { model: ['1', 0], preset: 'PLUS (high strength)' }],
      '3': ['Florence2ModelLoader', { model: 'Florence-2-base-PromptGen-v2.0', precision: 'fp16', attention: 'sdpa' }],
      '4': ['CheckpointLoaderSimple', { ckpt_name: ['5', 0] }],
      '5': ['StringConcatenate', { string_a: 'a', string_b: '.ckpt', delimiter: '' }],
      '9': ['PreviewAny', { a: ['2', 0], b: ['3', 0], c: ['4', 0] }],
    });
    writeFileSync(join(dir, 'flow.json'), JSON.stringify(rows));
    const { code, out } = await runCli(['analyze', 'flow.json'], { stateDir, cwd: dir, columns: 80 });
    expect(code).toBe(0);
    expect(out).toContain('5 inputs unresolved');
    expect(out).toMatch(/NODE +UNRESOLVED INPUT +VALUE +WHY/);
    for (const said of ['lora_1', 'several', 'a/ink', 'nowhere', 'not found', 'preset', 'not run yet', 'opened by', 'computed'])
      expect(out).toContain(said);
    expect(out.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(out).not.toContain('node 4: ckpt_name');
    const { unresolved } = JSON.parse((await runCli(['analyze', 'flow.json', '--json'], { stateDir, cwd: dir })).out);
    expect(unresolved.map(({ node, input, reason }: Record<string, string>) => [node, input, reason]).sort()).toEqual([
      ['1', 'lora_1.lora', 'SEVERAL'],
      ['1', 'lora_2.lora', 'NO_MATCH'],
      ['2', 'preset', 'NOT_LEARNED'],
      ['3', 'model', 'OWN_LOADER'],
      ['4', 'ckpt_name', 'COMPUTED'],
    ]);
    expect(unresolved[0]).toMatchObject({ classType: expect.any(String), word: expect.any(String), why: expect.any(String) });
  });

  test('with --json prints what the API answered', async () => {
    const { stateDir, dir } = await runDaemon(files);
    writeFileSync(join(dir, 'a.png'), image('png'));
    const { out } = await runCli(['analyze', 'a.png', '--json'], { stateDir, cwd: dir });
    expect(JSON.parse(out)).toMatchObject({ kind: 'prompt', models: [{ node: '1', tier: 'hdd' }, { node: '2' }], skipped: [] });
  });

  test.each([
    ['an image without a workflow', png(), 'carries no prompt and no workflow'],
    ['something else', 'hello', 'is neither PNG, WebP nor JSON'],
  ])('%s is refused with what is wrong', async (_what, content, message) => {
    const { stateDir, dir } = await runDaemon({});
    writeFileSync(join(dir, 'given.png'), content);
    const { code, err } = await runCli(['analyze', 'given.png'], { stateDir, cwd: dir });
    expect(code).toBe(2);
    expect(err).toContain(message);
    if (content !== 'hello') expect((await runCli(['warm', 'given.png'], { stateDir, cwd: dir })).code).toBe(2);
  });
});
