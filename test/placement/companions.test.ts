import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hasCompanions, isCompanion } from '../../src/weights/companion-names.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { writeModel } from '../helpers/files.ts';
import { patience } from '../helpers/patience.ts';

describe('which files belong together', () => {
  test.each([
    ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors', true],
    ['model-00001-of-00002.safetensors', 'model-00001-of-00003.safetensors', false],
    ['model-00001-of-00002.safetensors', 'other-00002-of-00002.safetensors', false],
    ['model-00001-of-00002.safetensors', 'model.safetensors.index.json', true],
    ['model-00001-of-00002.safetensors', 'tokenizer.model', true],
    ['model-00001-of-00002.safetensors', 'preprocessor_config.json', true],
    ['Qwen-00001-of-00002.gguf', 'Qwen-00002-of-00002.gguf', true],
    ['adapter_model.safetensors', 'adapter_config.json', true],
    ['diffusion_pytorch_model.fp16.safetensors', 'config.json', true],
    ['model.safetensors', 'special_tokens_map.json', true],
    ...[
      'vocab.txt',
      'sentencepiece.bpe.model',
      'qwen.tiktoken',
      'source.spm',
      'chat_template.jinja',
      'modeling_florence2.py',
    ].map((settings): [string, string, boolean] => ['model.safetensors', settings, true]),
    ['pytorch_model.bin', 'config.yaml', true],
    ['model.safetensors', 'preview.png', false],
    ['model.safetensors', 'notes.txt', false],
    ['encoder.onnx', 'encoder.onnx_data', true],
    ['encoder.onnx', 'encoder.onnx.data', true],
    ['encoder.onnx', 'encoder.onnx_data_1', true],
    ['encoder.onnx', 'decoder.onnx_data', false],
    ['encoder.onnx', 'encoder.onnx_database', false],
    ['Qwen2.5-VL-7B-Instruct-Q4_K_M.gguf', 'Qwen2.5-VL-7B-Instruct-mmproj-F16.gguf', true],
    ['Qwen2.5-VL-7B-Instruct-UD-Q4_K_XL.gguf', 'Qwen2.5-VL-7B-Instruct-mmproj-BF16.gguf', true],
    ['Qwen2.5-VL-7B-Instruct-Q4_K_M.gguf', 'gemma-3-mmproj-F16.gguf', false],
    ['gemma-3-Q8_0.gguf', 'mmproj-F16.gguf', true],
    ['gemma-3-Q8_0.gguf', 'gemma-3-Q4_0.gguf', false],
  ])('%s and %s: %s', (name, other, together) => {
    expect(isCompanion(name, other)).toBe(together);
    expect(hasCompanions(name)).toBe(true);
  });

  test.each(['sd_xl_base_1.0.safetensors', 'style.ckpt', 'Qwen-mmproj-F16.gguf', 'config.json'])('%s stands alone', (name) => {
    expect(hasCompanions(name)).toBe(false);
  });
});

/** A daemon that leaves small files alone, as usual; companions are small. */
async function daemonWith(files: Record<string, number>) {
  const daemon = await runDaemon(files, { AUTOCACHE_MIN_SIZE: '1000' });
  const lookup = (name: string, waitMs: number) =>
    daemon.client.lookup({ path: join(daemon.root, name), purpose: 'load', waitMs, client: { app: 'comfyui', pid: 1 } });
  const ask = async (name: string, waitMs = 0) => {
    let answer = await lookup(name, waitMs);
    // On a busy machine the disk itself may answer later than a lookup waits for it.
    while (answer.reason === 'WAIT_TIMEOUT') answer = await lookup(name, waitMs);
    return answer;
  };
  const beside = (path: string, name: string) => join(dirname(path), name);
  return { ...daemon, ask, beside };
}

const units: [string, string, Record<string, number>, string][] = [
  ['the mmproj of a GGUF', 'text_encoders/Qwen-VL-Q4_K_M.gguf', { 'Qwen-VL-mmproj-F16.gguf': 3000 }, 'other.gguf'],
  [
    'all shards with their index and tokenizer',
    'text_encoders/gemma/model-00001-of-00003.safetensors',
    {
      'model-00002-of-00003.safetensors': 4000,
      'model-00003-of-00003.safetensors': 500,
      'model.safetensors.index.json': 50,
      'tokenizer.model': 90,
    },
    'README.md',
  ],
  ['the weights of an ONNX graph', 'onnx/encoder.onnx', { 'encoder.onnx_data': 9000 }, 'decoder.onnx_data'],
  [
    'vocabulary, templates and code of a model that brings its own',
    'LLM/own/model.safetensors',
    { 'vocab.txt': 40, 'chat_template.jinja': 50, 'modeling_own.py': 60, 'sentencepiece.bpe.model': 70 },
    'LICENSE',
  ],
  ['the configuration of an adapter', 'loras/peft/adapter_model.safetensors', { 'adapter_config.json': 60 }, 'notes.txt'],
];

describe('a loader finds beside the copy what it finds beside the source', () => {
  test.each(units)('%s', async (_what, main, companions, stranger) => {
    const at = (name: string) => join(dirname(main), name);
    const files = Object.entries(companions).map(([name, size]) => [at(name), size] as const);
    const { ask, beside, bytes } = await daemonWith({ [main]: 2000, ...Object.fromEntries(files), [at(stranger)]: 5000 });
    const { path, reason } = await ask(main, patience(10_000));
    expect(reason).toBe('HIT_AFTER_WAIT');
    for (const name of Object.keys(companions)) expect(readFileSync(beside(path, name))).toEqual(bytes[at(name)]);
    expect(existsSync(beside(path, stranger))).toBe(false);
  });

  test.each(units)(
    '%s: with one of them missing the source is given, and the missing one copied again',
    { tags: 'slow' },
    async (_what, main, companions) => {
      const at = (name: string) => join(dirname(main), name);
      const files = Object.entries(companions).map(([name, size]) => [at(name), size] as const);
      const { ask, beside, root } = await daemonWith({ [main]: 2000, ...Object.fromEntries(files) });
      const { path } = await ask(main, patience(10_000));
      const [missing = ''] = Object.keys(companions);
      rmSync(beside(path, missing));
      expect(await ask(main)).toMatchObject({ path: join(root, main), reason: 'COPYING' });
      expect(await ask(main, patience(10_000))).toMatchObject({ path, reason: expect.stringMatching(/^HIT/) });
      expect(existsSync(beside(path, missing))).toBe(true);
    },
  );

  test('a companion that is in use is not evicted, and foreign files in the cache directory stay', async () => {
    const { ask, beside, client, root } = await daemonWith({
      'loras/peft/adapter_model.safetensors': 2000,
      'loras/peft/adapter_config.json': 60,
    });
    const { path } = await ask('loras/peft/adapter_model.safetensors', patience(10_000));
    writeFileSync(beside(path, 'mine.sha256'), 'abc');
    const evicted = await client.evict({ below: [join(root, 'loras')] });
    expect(evicted.skipped).toHaveLength(2);
    await client.evict({ below: [join(root, 'loras')] });
    expect(readFileSync(beside(path, 'mine.sha256'), 'utf8')).toBe('abc');
    expect(existsSync(beside(path, 'adapter_config.json'))).toBe(true);
  });

  test('what is complete is served at once after a restart, and while its source is away', async () => {
    const main = 'loras/peft/adapter_model.safetensors';
    const daemon = await daemonWith({ [main]: 2000, 'loras/peft/adapter_config.json': 60, 'loras/x.safetensors': 5 });
    await daemon.ask(main, patience(10_000));
    await daemon.restart();
    expect((await daemon.ask(main)).reason).toBe('HIT');
    rmSync(daemon.root, { recursive: true });
    expect((await daemon.ask(main)).reason).toBe('HIT_OFFLINE');
  });

  test('a companion that was replaced is copied anew before the copy is given out again', { tags: 'slow' }, async () => {
    const main = 'loras/peft/adapter_model.safetensors';
    const daemon = await daemonWith({ [main]: 2000, 'loras/peft/adapter_config.json': 60 });
    const { path } = await daemon.ask(main, patience(10_000));
    await daemon.restart();
    const config = join(daemon.root, 'loras/peft/adapter_config.json');
    rmSync(config);
    const bytes = writeModel(config, 77);
    const copied = () => readFileSync(daemon.beside(path, 'adapter_config.json')).equals(bytes);
    await expect
      .poll(async () => (await daemon.ask(main, 1000)).reason.startsWith('HIT') && copied(), {
        interval: 5,
        timeout: patience(15_000),
      })
      .toBe(true);
  });

  test('a pinned file keeps its companions', async () => {
    const main = 'loras/peft/adapter_model.safetensors';
    const { client, root } = await daemonWith({ [main]: 2000, 'loras/peft/adapter_config.json': 60 });
    await client.warm({ paths: [join(root, main)], wait: true });
    await client.pin({ paths: [join(root, main)] });
    expect((await client.evict({ below: [root] })).skipped.map(({ why }) => why)).toEqual(['pinned', 'pinned']);
  });

  test('warm --check calls a file ready only with its companions', async () => {
    const main = 'loras/peft/adapter_model.safetensors';
    const { client, root, ask, beside } = await daemonWith({ [main]: 2000, 'loras/peft/adapter_config.json': 60 });
    expect((await client.warm({ paths: [join(root, main)], wait: true })).ready).toBe(1);
    const { path } = await ask(main);
    rmSync(beside(path, 'adapter_config.json'));
    expect((await client.warm({ paths: [join(root, main)], check: true })).ready).toBe(0);
  });
});

test('a sentence-transformers model in folders is copied whole: a loader finds 1_Pooling beside the copy', async () => {
  const folder = 'LLM/all-MiniLM';
  const files = {
    [`${folder}/model.safetensors`]: 20_000,
    [`${folder}/modules.json`]: 50,
    [`${folder}/1_Pooling/config.json`]: 60,
    [`${folder}/2_Dense/model.safetensors`]: 3000,
    [`${folder}/2_Dense/config.json`]: 70,
    [`${folder}/previews/1.png`]: 80,
    // No model of several folders, whatever its neighbours are called.
    'loras/model.safetensors': 20_000,
    'loras/1_Characters/a.safetensors': 3000,
  };
  const { ask, root, bytes, client } = await daemonWith(files);
  const paths = ['LLM/all-MiniLM/model.safetensors', 'loras/model.safetensors'].map((name) => join(root, name));
  await client.warm({ paths, wait: true });
  const answer = await ask(`${folder}/model.safetensors`);
  expect(answer.reason).toBe('HIT');
  for (const name of ['modules.json', '1_Pooling/config.json', '2_Dense/model.safetensors', '2_Dense/config.json'])
    expect(readFileSync(join(dirname(answer.path), name)).equals(bytes[`${folder}/${name}`] ?? Buffer.alloc(0))).toBe(true);
  expect(existsSync(join(dirname(answer.path), 'previews'))).toBe(false);
  const other = await ask('loras/model.safetensors');
  expect(other.reason).toBe('HIT');
  expect(existsSync(join(dirname(other.path), '1_Characters'))).toBe(false);
  // A part that is gone from the copy is put back before it is served again.
  rmSync(join(dirname(answer.path), '1_Pooling'), { recursive: true });
  expect(await ask(`${folder}/model.safetensors`)).not.toMatchObject({ reason: 'HIT' });
  await client.warm({ paths, wait: true });
  expect(existsSync(join(dirname(answer.path), '1_Pooling/config.json'))).toBe(true);
});
