import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { ChunkHash, chunkSize } from '../../src/codec/chunk-hash.ts';
import { encodeFile } from '../../src/codec/encode.ts';
import { CacheError } from '../../src/core/errors.ts';
import type { Form } from '../../src/core/types.ts';
import { assertReadsBack, openCopy, readBack } from '../../src/transfer/read-back.ts';
import { injectFault, systemError } from '../helpers/faulty-fs.ts';
import { flipBit, writeModel, writeWeights } from '../helpers/files.ts';
import { coldModel, fromDisks } from '../helpers/page-cache.ts';
import { tempDir } from '../helpers/temp-dir.ts';

vi.mock('node:fs', async (original) => (await import('../helpers/faulty-fs.ts')).faultyFs(await original()));

const MiB = 2 ** 20;
const { signal } = new AbortController();

async function hashOf(bytes: Uint8Array) {
  const hash = await ChunkHash.create();
  hash.update(bytes);
  return { hash: hash.digest(), chunks: hash.chunks };
}

/** A model as a copy of this form has it. */
async function copyOf(form: Form, size: number) {
  const dir = tempDir();
  const original = join(dir, 'a.safetensors');
  const bytes = form === 'compressed' ? writeWeights(original, size) : writeModel(original, size);
  if (form !== 'compressed') return { path: original, bytes };
  const path = join(dir, 'a.zst');
  const [source, target] = [openSync(original, 'r'), openSync(path, 'w+')];
  await encodeFile(source, target);
  for (const fd of [source, target]) closeSync(fd);
  return { path, bytes };
}

async function readAll(path: string, form: Form) {
  const copy = openCopy(path, form);
  onTestFinished(() => closeSync(copy.fd));
  const parts: Buffer[] = [];
  const steps: [done: number, total: number, step: number][] = [];
  const found = await readBack(copy, {
    onBytes: (bytes) => parts.push(Buffer.from(bytes)),
    afterStep: async (...step) => void steps.push(step),
  });
  return { found, steps, bytes: Buffer.concat(parts) };
}

describe.each(['plain', 'compressed'] as const)('a %s copy', (form) => {
  test.each([0, 1, 4096, chunkSize, 2 * chunkSize + 4711])(
    'of %d bytes or so is read whole, and hashed by chunks',
    async (size) => {
      const { path, bytes } = await copyOf(form, size);
      const read = await readAll(path, form);
      expect(read.bytes.equals(bytes)).toBe(true);
      expect(read.found).toMatchObject({ ...(await hashOf(bytes)), broken: null });
      expect(read.steps.reduce((sum, [, , step]) => sum + step, 0)).toBe(bytes.length);
      if (bytes.length > 0) expect(read.steps.at(-1)?.slice(0, 2)).toEqual([bytes.length, bytes.length]);
    },
  );

  test('must come to the hash of what went into it', async () => {
    const { path, bytes } = await copyOf(form, 3 * MiB);
    const { hash } = await hashOf(bytes);
    await expect(assertReadsBack({ path, form, hash }, { signal })).resolves.toBeUndefined();
    await expect(assertReadsBack({ path, form, hash: 'another' }, { signal })).rejects.toMatchObject({ code: 'CACHE_IO' });
    flipBit(path, 1_000_000);
    await expect(assertReadsBack({ path, form, hash }, { signal })).rejects.toMatchObject({ code: 'CACHE_IO' });
  });

  test('is given up when it is not wanted any more', async () => {
    const { path, bytes } = await copyOf(form, 3 * MiB);
    const { hash } = await hashOf(bytes);
    const stop = new AbortController();
    const steps = vi.fn(async () => stop.abort());
    await expect(assertReadsBack({ path, form, hash }, stop, steps)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(steps).toHaveBeenCalledOnce();
  });

  test('that ends early is no copy', async () => {
    const { path, bytes } = await copyOf(form, 3 * MiB);
    const { hash } = await hashOf(bytes);
    const fault = injectFault(form === 'plain' ? 'read' : 'readSync', { act: () => 0 });
    await expect(assertReadsBack({ path, form, hash }, { signal })).rejects.toMatchObject({ code: 'CACHE_IO' });
    expect(fault.fired).toBeGreaterThan(0);
  });
});

test('each chunk that the disk does not give is named', async () => {
  const { path } = await copyOf('plain', 4 * chunkSize);
  const fault = injectFault('read', {
    when: ([, , , , position]) => [1, 3].includes(Math.floor(Number(position) / chunkSize)),
    act: () => {
      throw systemError('EIO');
    },
  });
  const { found } = await readAll(path, 'plain');
  expect(found.broken).toEqual({ why: 'a part of it cannot be read', chunks: [1, 3] });
  expect(fault.fired).toBe(2);
});

test('what is no fault of the file is thrown', async () => {
  const { path, bytes } = await copyOf('plain', MiB);
  injectFault('read', {
    act: () => {
      throw systemError('ENOMEM');
    },
  });
  await expect(readAll(path, 'plain')).rejects.toMatchObject({ code: 'ENOMEM' });
  const { hash } = await hashOf(bytes);
  await expect(assertReadsBack({ path, form: 'plain', hash }, { signal })).rejects.toBeInstanceOf(CacheError);
});

test('it comes from the disk, also when the page cache has it', async (context) => {
  const { path, bytes } = coldModel(context, 24 * MiB + 4711);
  readFileSync(path);
  const before = fromDisks();
  const { found } = await readAll(path, 'plain');
  expect(found.hash).toBe((await hashOf(bytes)).hash);
  expect(found.readMs).toBeGreaterThan(0);
  expect(fromDisks() - before).toBeGreaterThanOrEqual(bytes.length);
});
