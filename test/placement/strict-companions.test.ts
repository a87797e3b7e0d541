import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CacheError } from '../../src/core/errors.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { fingerprintOf, writeModel } from '../helpers/files.ts';
import { createLookupRig } from '../helpers/lookup-rig.ts';
import { patience, soon } from '../helpers/patience.ts';

const main = 'loras/peft/adapter_model.safetensors';
const config = 'loras/peft/adapter_config.json';

/** A GGUF file with these keys before 100 kB of anything. */
function gguf(keys: Record<string, string | number | string[]>): Buffer {
  const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
  const u64 = (value: number) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
  const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
  const encoded = (value: string | number | string[]) => {
    if (typeof value === 'string') return [u32(8), text(value)];
    return typeof value === 'number' ? [u32(4), u32(value)] : [u32(9), u32(8), u64(value.length), ...value.map(text)];
  };
  const pairs = Object.entries(keys).flatMap(([key, value]) => [text(key), ...encoded(value)]);
  const head = [Buffer.from('GGUF'), u32(3), u64(0), u64(Object.keys(keys).length)];
  return Buffer.concat([...head, ...pairs, Buffer.alloc(100_000)]);
}

const words = Array.from({ length: 20_000 }, (_, index) => `word ${index}`);
const vision = { 'general.architecture': 'qwen2vl', 'qwen2vl.embedding_length': 3584, 'tokenizer.ggml.tokens': words };

test('an image model does not wait for the projector of a language model in its folder', async () => {
  const daemon = await runDaemon({});
  const path = (name: string) => join(daemon.root, 'text_encoders', name);
  writeModel(path('other.bin'), 10);
  writeFileSync(path('flux1-dev-Q4_0.gguf'), gguf({ 'general.architecture': 'flux', 'general.file_type': 2 }));
  writeFileSync(path('Qwen2.5-VL-7B-Q4_K_M.gguf'), gguf(vision));
  writeFileSync(path('gemma-3-4b-Q4_0.gguf'), gguf({ 'general.architecture': 'gemma3', 'gemma3.embedding_length': 2560 }));
  writeFileSync(path('mmproj-F16.gguf'), gguf({ 'general.architecture': 'clip', 'clip.vision.projection_dim': 3584 }));
  const cached = async () =>
    (await daemon.client.entries({ cached: true })).entries.map(({ name }) => name.split('/').at(-1)).sort();
  for (const name of ['flux1-dev-Q4_0.gguf', 'gemma-3-4b-Q4_0.gguf']) {
    expect((await daemon.client.warm({ paths: [path(name)], wait: true })).ready).toBe(1);
  }
  expect(await cached()).toEqual(['flux1-dev-Q4_0.gguf', 'gemma-3-4b-Q4_0.gguf']);
  expect((await daemon.client.warm({ paths: [path('Qwen2.5-VL-7B-Q4_K_M.gguf')], wait: true })).ready).toBe(1);
  expect(await cached()).toContain('mmproj-F16.gguf');
});

test.each([
  ['AUTOCACHE_EXCLUDE', '**/adapter_config.json'],
  ['AUTOCACHE_MAX_SIZE', '5000'],
])('a companion that %s leaves out is not copied, and its model is served', async (key, value) => {
  const daemon = await runDaemon({ [main]: 2000, [config]: 6000 }, { [key]: value });
  const ask = { path: join(daemon.root, main), purpose: 'load', waitMs: patience(10_000), client: null } as const;
  expect((await daemon.client.lookup(ask)).reason).toMatch(/^HIT/);
  const { entries } = await daemon.client.entries({ cached: true });
  expect(entries.map(({ name }) => name)).toEqual([main]);
});

test('AUTOCACHE_INCLUDE chooses models, and what belongs to them comes along', async () => {
  const daemon = await runDaemon({ [main]: 2000, [config]: 60 }, { AUTOCACHE_INCLUDE: '**/*.safetensors' });
  expect((await daemon.client.warm({ paths: [join(daemon.root, main)], wait: true })).ready).toBe(1);
  expect((await daemon.client.entries({ cached: true })).total).toBe(2);
});

test('a companion that cannot be read does not keep a ready copy back for ever', async () => {
  const rig = createLookupRig();
  const { path } = rig.source(main, 2000);
  const beside = rig.source(config, 60);
  await rig.copy(path);
  const { root } = rig;
  const file = { path: beside.path, root, rel: config, category: 'loras', fingerprint: fingerprintOf(beside.path) };
  rig.copier.failures.remember({ file, tier: 'ssd' }, new CacheError('SOURCE_IO', 'EIO'));
  await expect.poll(async () => (await rig.ask(path)).reason, soon()).toBe('HIT');
});
