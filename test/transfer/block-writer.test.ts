import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { chunkSize } from '../../src/codec/chunk-hash.ts';
import { readJournal } from '../../src/tiers/partial.ts';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import { BlockWriter } from '../../src/transfer/block-writer.ts';
import { runCopyJob } from '../../src/transfer/run-copy-job.ts';
import { heal, injectFault, systemError } from '../helpers/faulty-fs.ts';
import { fingerprintOf } from '../helpers/files.ts';
import { quiet } from '../helpers/hooks.ts';
import { copyOrder } from '../helpers/orders.ts';
import { coldModel, isInMemory } from '../helpers/page-cache.ts';
import { tempDir } from '../helpers/temp-dir.ts';

vi.mock('node:fs', async (original) => (await import('../helpers/faulty-fs.ts')).faultyFs(await original()));

const MiB = 2 ** 20;
const size = 24 * MiB + 4711;
const { O_DIRECT = 0, O_WRONLY } = constants;

type Model = ReturnType<typeof coldModel>;

function arrange({ path }: Model) {
  const tier = openPosixTier('ssd', join(tempDir(), 'cache'));
  const place = tier.placeOf('/', path.slice(1));
  const source = { path, root: '/', rel: path.slice(1), category: null, fingerprint: fingerprintOf(path) };
  const order = copyOrder({ id: 1, source, temp: join(tier.partialDir, 'x.part'), ...place });
  return { order, place };
}

/** @returns where the copy is */
async function copy(model: Model, hooks = quiet()): Promise<string> {
  const { order, place } = arrange(model);
  await runCopyJob(order, hooks);
  return place.path;
}

const inMemory = (path: string) => [1, 9, 17].map((at) => isInMemory(path, at * MiB));
const all = [true, true, true];
const none = [false, false, false];

describe('what is in the page cache of a large copy', () => {
  test('nothing, when nobody waits for it', async (context) => {
    const model = coldModel(context, size);
    const path = await copy(model);
    expect(inMemory(path)).toEqual(none);
    expect(readFileSync(path).equals(model.bytes)).toBe(true);
  });

  test('all of it, when somebody waits who will load it at once', async (context) => {
    const model = coldModel(context, size);
    const path = await copy(model, { ...quiet(), urgent: () => true });
    expect(inMemory(path)).toEqual(all);
    expect(readFileSync(path).equals(model.bytes)).toBe(true);
  });

  test('the rest of it, when somebody waits from the middle on', async (context) => {
    const model = coldModel(context, size);
    let done = 0;
    const progress = (bytes: number) => {
      done = bytes;
    };
    const path = await copy(model, { ...quiet(), progress, urgent: () => done > 0 });
    expect(inMemory(path)).toEqual([false, true, true]);
    expect(readFileSync(path).equals(model.bytes)).toBe(true);
  });
});

describe('where the page cache cannot be passed, a copy goes through it:', () => {
  test('the file cannot be opened like that', async (context) => {
    const model = coldModel(context, size);
    const refused = injectFault('openSync', {
      when: ([, flags]) => flags === (O_DIRECT | O_WRONLY),
      act: () => {
        throw systemError('EINVAL');
      },
    });
    const path = await copy(model);
    expect(refused.fired).toBe(1);
    expect(inMemory(path)).toEqual(all);
    expect(readFileSync(path).equals(model.bytes)).toBe(true);
  });

  test('the first writes are refused', async (context) => {
    const model = coldModel(context, size);
    let uncached: unknown;
    injectFault('openSync', {
      when: ([, flags]) => flags === (O_DIRECT | O_WRONLY),
      act: (real) => {
        uncached = real();
        return uncached;
      },
    });
    const refused = injectFault('write', {
      when: ([fd]) => fd === uncached,
      act: () => {
        throw systemError('EINVAL');
      },
    });
    const path = await copy(model);
    // Two are under way when the first answer comes.
    expect(refused.fired).toBeLessThanOrEqual(2);
    expect(inMemory(path)).toEqual(all);
    expect(readFileSync(path).equals(model.bytes)).toBe(true);
  });

  test('the memory lies askew', async () => {
    const path = join(tempDir(), 'copy');
    const fd = openSync(path, 'w');
    const writer = new BlockWriter(fd, size);
    const bytes = Buffer.from(new ArrayBuffer(2 * MiB + 1), 1).fill('askew');
    await writer.write(bytes, 0, false);
    await writer.close();
    closeSync(fd);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });
});

test('a large copy whose writes are cut short has every byte in its place', async (context) => {
  const model = coldModel(context, size);
  const write = (await vi.importActual<typeof import('node:fs')>('node:fs')).writeSync as (...args: unknown[]) => number;
  const short = injectFault('write', {
    when: ([, , , length]) => Number(length) > MiB,
    act: (_real, [fd, bytes, offset, length, position]) => write(fd, bytes, offset, Number(length) - 5 * 4096, position),
  });
  const path = await copy(model);
  expect(short.fired).toBeGreaterThan(3);
  expect(readFileSync(path).equals(model.bytes)).toBe(true);
});

test('a disk that is full within a chunk: the journal does not speak of it, and the copy goes on from the chunk before', async (context) => {
  const model = coldModel(context, size);
  const { order, place } = arrange(model);
  const full = injectFault('write', {
    when: ([, , , , position]) => Number(position) === 12 * MiB,
    act: () => {
      throw systemError('ENOSPC');
    },
  });
  await expect(runCopyJob(order, quiet())).rejects.toMatchObject({ code: 'NO_SPACE' });
  expect(full.fired).toBe(1);
  expect(readJournal(order.temp)?.bytes).toBe(chunkSize);
  heal(full);
  expect(await runCopyJob(order, quiet())).toMatchObject({ resumedFrom: chunkSize });
  expect(readFileSync(place.path).equals(model.bytes)).toBe(true);
});
