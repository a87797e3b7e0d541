import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { deriveVariant } from '../../src/transfer/derive-variant.ts';
import type { Recipe } from '../../src/variants/recipe.ts';
import { readReport, reportKey, worstFirst } from '../../src/variants/report.ts';
import { quiet } from '../helpers/hooks.ts';
import { deriveOrder } from '../helpers/orders.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { numbers, readSafetensors, type TinyTensor, tensorOf, tinyWan, writeSafetensors } from '../helpers/tiny-model.ts';

const hooks = quiet();

function model(tensors: readonly TinyTensor[] = tinyWan(), metadata?: Record<string, string>): string {
  const path = join(tempDir(), 'a.safetensors');
  writeSafetensors(path, tensors, metadata);
  return path;
}

async function made(path: string, to: Partial<Recipe>, given = hooks) {
  const order = deriveOrder(path, to);
  const report = await deriveVariant(order, given);
  return { report, ...readSafetensors(readFileSync(order.path)), order };
}

const textOf = (bytes: Buffer) => bytes.toString('latin1').trimEnd();

describe('a variant', () => {
  test('in fp8 quantises the layers of the architecture, and keeps all else byte for byte', async () => {
    const source = tinyWan();
    const { tensors, report } = await made(model(source), { to: 'fp8' });
    for (const { name, dtype, shape, bytes } of source) {
      const isLayer = /^blocks\.\d\.(self_attn\.[qkvo]|ffn\.[02])\.weight$/.test(name);
      const there = tensors.get(name);
      expect(there?.shape).toEqual(shape);
      expect(there?.dtype).toBe(isLayer ? 'F8_E4M3' : dtype);
      if (!isLayer) expect(there?.bytes.equals(bytes)).toBe(true);
    }
    const note = JSON.parse(textOf(tensors.get('blocks.0.self_attn.q.comfy_quant')?.bytes ?? Buffer.alloc(0)));
    expect(note).toEqual({ format: 'float8_e4m3fn', full_precision_matrix_mult: true });
    expect(tensors.get('blocks.0.self_attn.q.weight_scale')).toMatchObject({ dtype: 'F32', shape: [] });
    expect(report).toMatchObject({ architecture: 'wan', layers: 12 });
    expect(report.leastSqnr).toBeGreaterThan(30);
  });

  test('in int8 has a scale for each row', async () => {
    const { tensors } = await made(model(), { to: 'int8', fastMatmul: true });
    expect(tensors.get('blocks.1.ffn.0.weight')).toMatchObject({ dtype: 'I8', shape: [128, 64] });
    expect(tensors.get('blocks.1.ffn.0.weight_scale')).toMatchObject({ dtype: 'F32', shape: [128, 1] });
    expect(JSON.parse(textOf(tensors.get('blocks.1.ffn.0.comfy_quant')?.bytes ?? Buffer.alloc(0)))).toEqual({
      format: 'int8_tensorwise',
    });
  });

  test('in auto8 takes for each layer what costs less, and leaves a layer that would lose too much', async () => {
    const broken = numbers(64 * 64, 77);
    // Each row has one weight that drowns the others.
    for (let row = 0; row < 64; row++) broken[row * 64 + row] = 4e4;
    const tensors = tinyWan({ outliers: true }).map((one) =>
      one.name === 'blocks.0.self_attn.v.weight' ? tensorOf(one.name, one.shape, broken) : one,
    );
    const result = await made(model(tensors), { to: 'auto8' });
    const formats = new Map(readReport(result.metadata[reportKey])?.layers.map(({ name, format }) => [name, format]));
    expect(formats.get('blocks.0.self_attn.q')).toBe('I8');
    expect(formats.get('blocks.1.ffn.0')).toBe('F8_E4M3');
    expect(result.tensors.get('blocks.1.ffn.0.weight_scale')?.shape).toEqual([]);
    expect(result.tensors.get('blocks.1.ffn.0.weight')?.dtype).toBe('F8_E4M3');
  });

  test('keeps a layer whose numbers no format of 8 bits holds', async () => {
    const values = numbers(64 * 64, 5);
    values[100] = Number.POSITIVE_INFINITY;
    values[200] = Number.NaN;
    const infinite = tensorOf('blocks.0.self_attn.q.weight', [64, 64], values);
    const tensors = tinyWan().map((one) => (one.name === infinite.name ? infinite : one));
    for (const to of ['auto8', 'fp8', 'int8'] as const) {
      const result = await made(model(tensors), { to });
      expect(result.tensors.get(infinite.name)?.bytes.equals(infinite.bytes)).toBe(true);
      expect(result.tensors.has('blocks.0.self_attn.q.comfy_quant')).toBe(false);
    }
  });

  test('of zeros is zeros', async () => {
    const zero = tensorOf('blocks.0.self_attn.q.weight', [64, 64], new Float32Array(64 * 64));
    const tensors = tinyWan().map((one) => (one.name === zero.name ? zero : one));
    for (const to of ['auto8', 'fp8', 'int8'] as const) {
      const result = await made(model(tensors), { to });
      expect(result.tensors.get(zero.name)?.bytes.every((byte) => byte === 0)).toBe(true);
    }
  });

  test('in fp16 takes bf16 for a tensor that fp16 cannot hold, or with fewer digits, and keeps norms and biases in 32 bits', async () => {
    const values = numbers(64 * 64, 5);
    values[7] = 70_000;
    const large = tensorOf('blocks.0.self_attn.q.weight', [64, 64], values, 'F32');
    const small = tensorOf('blocks.0.self_attn.v.weight', [64, 64], numbers(64 * 64, 6, 1e-6), 'F32');
    const tensors = tinyWan({ dtype: 'F32' }).map((one) => [large, small].find(({ name }) => name === one.name) ?? one);
    const result = await made(model(tensors), { to: 'fp16' });
    for (const { name } of [large, small]) expect(result.tensors.get(name)?.dtype).toBe('BF16');
    expect(result.tensors.get('blocks.0.self_attn.k.weight')?.dtype).toBe('F16');
    expect(result.tensors.get('patch_embedding.weight')?.dtype).toBe('F16');
    expect(result.tensors.get('blocks.0.self_attn.q.bias')?.dtype).toBe('F32');
  });

  test('without what ComfyUI never loads is the rest, byte for byte', async () => {
    const used = tinyWan();
    const unused = [
      tensorOf('model_ema.blocks0q', [64, 64], numbers(4096, 1)),
      tensorOf('optimizer_states.0.state', [17], numbers(17, 2)),
    ];
    const path = model([unused[0] as TinyTensor, ...used, unused[1] as TinyTensor]);
    const { tensors, order } = await made(path, { dropUnused: true });
    expect([...tensors.keys()].toSorted()).toEqual(used.map(({ name }) => name).toSorted());
    for (const { name, bytes } of used) expect(tensors.get(name)?.bytes.equals(bytes)).toBe(true);
    expect(statSync(order.path).size).toBeLessThan(statSync(path).size);
  });

  test.each(['BF16', 'F32'] as const)(
    'of a layer in %s that is larger than what stays in memory is rounded to its end',
    { tags: 'slow' },
    async (dtype) => {
      const [rows, times, columns] = [64, 72, 8192];
      const few = tensorOf('blocks.0.self_attn.q.weight', [rows, columns], numbers(rows * columns, 3), dtype);
      const many = { ...few, shape: [times * rows, columns], bytes: Buffer.concat(new Array<Buffer>(times).fill(few.bytes)) };
      expect(many.bytes.length).toBeGreaterThan(64 * 1024 * 1024);
      const without = tinyWan({ dtype }).filter(({ name }) => name !== few.name);
      // Rows of int8 do not depend on each other.
      const [small, large] = [
        await made(model([few, ...without]), { to: 'int8' }),
        await made(model([many, ...without]), { to: 'int8' }),
      ];
      const once = small.tensors.get(few.name)?.bytes ?? Buffer.alloc(0);
      const all = large.tensors.get(few.name)?.bytes ?? Buffer.alloc(0);
      expect([once.length, all.length]).toEqual([rows * columns, times * rows * columns]);
      for (let at = 0; at < all.length; at += once.length) expect(all.subarray(at, at + once.length).equals(once)).toBe(true);
    },
  );

  test('has the same bytes whenever and wherever it is made', async () => {
    const [first, second] = [model(), model()];
    utimesSync(second, 1, 1);
    for (const to of ['auto8', 'fp16'] as const) {
      const tensors = to === 'fp16' ? tinyWan({ dtype: 'F32' }) : tinyWan();
      for (const path of [first, second]) writeSafetensors(path, tensors);
      const known = createHash('sha256').update(readFileSync(first)).digest('hex');
      const orders = [deriveOrder(first, { to }), deriveOrder(second, { to }, { sha256: known })];
      for (const order of orders) await deriveVariant(order, { ...hooks, paced: () => order === orders[1] });
      const [a, b] = orders.map(({ path }) => readFileSync(path));
      expect(a?.equals(b ?? Buffer.alloc(0))).toBe(true);
    }
  });

  test('tells in its metadata what it was made of and what that cost, and keeps the metadata of the source', async () => {
    const path = model(tinyWan({ outliers: true }), { 'modelspec.title': 'a "title"', format: 'pt' });
    const { metadata } = await made(path, { to: 'fp8' });
    expect(metadata).toMatchObject({ 'modelspec.title': 'a "title"', format: 'pt' });
    const report = readReport(metadata[reportKey]);
    const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
    expect(report?.source).toEqual({ sha256, bytes: statSync(path).size });
    expect(report?.recipe).toEqual({ to: 'fp8', fastMatmul: false, dropUnused: false });
    const [worst] = worstFirst(report?.layers ?? []);
    expect(worst?.sqnr).toBeGreaterThan(25);
    for (const layer of report?.layers ?? []) expect(layer.worst).toBeLessThan(0.07);
  });

  test('has its tensors at multiples of eight bytes', async () => {
    const { tensors } = await made(model(), { to: 'auto8' });
    for (const { name, begin } of tensors.values())
      if (name !== 'odd.bias' && !name.endsWith('.weight')) expect(begin % 8).toBe(0);
  });
});

describe('no variant is made', () => {
  const refused = (tensors: readonly TinyTensor[], to: Partial<Recipe>, metadata?: Record<string, string>) =>
    deriveVariant(deriveOrder(model(tensors, metadata), to), hooks);

  test('of an architecture that is not known', async () => {
    const other = [tensorOf('conv.weight', [64, 64], numbers(4096, 1))];
    await expect(refused(other, { to: 'fp8' })).rejects.toThrow('no architecture that autocached knows');
    await expect(refused(other, { dropUnused: true })).rejects.toThrow('no architecture that autocached knows');
  });

  test('of one that is quantised already', async () => {
    const scaled = [...tinyWan(), tensorOf('blocks.0.self_attn.q.weight_scale', [1], numbers(1, 1), 'F32')];
    await expect(refused(scaled, { to: 'int8' })).rejects.toThrow('quantised already');
    await expect(refused(tinyWan(), { to: 'int8' }, { _quantization_metadata: '{}' })).rejects.toThrow('quantised already');
  });

  test('that would be as large as its source', async () => {
    await expect(refused(tinyWan(), { to: 'bf16' })).rejects.toThrow('as large as the file itself');
    await expect(refused(tinyWan(), { dropUnused: true })).rejects.toThrow('as large as the file itself');
  });

  test('when its source is replaced meanwhile', async () => {
    const path = model();
    const order = deriveOrder(path, { to: 'fp8' });
    let replaced = false;
    const replace = async () => {
      if (replaced) return;
      replaced = true;
      const next = `${path}.next`;
      writeSafetensors(next, tinyWan({ outliers: true }));
      renameSync(next, path);
    };
    await expect(deriveVariant(order, { ...hooks, paced: () => true, ask: replace })).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
    });
    expect(replaced).toBe(true);
    expect(existsSync(order.path)).toBe(false);
    expect(existsSync(order.temp)).toBe(false);
  });

  test('when it is no longer wanted, and nothing of it stays', async () => {
    const order = deriveOrder(model(), { to: 'fp8' });
    const abort = new AbortController();
    const cancelling = { ...hooks, paced: () => true, ask: async () => abort.abort(), signal: abort.signal };
    await expect(deriveVariant(order, cancelling)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(existsSync(order.path) || existsSync(order.temp)).toBe(false);
  });

  test('beyond the room that was reserved for it', async () => {
    const path = model();
    const order = deriveOrder(path, { to: 'fp8' }, { into: 40_000 });
    await expect(deriveVariant(order, hooks)).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect(existsSync(order.temp)).toBe(false);
    rmSync(path);
    writeFileSync(path, 'gone');
  });
});
