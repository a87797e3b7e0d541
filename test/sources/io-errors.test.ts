import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { chunkSize } from '../../src/codec/chunk-hash.ts';
import { runCopyJob } from '../../src/transfer/run-copy-job.ts';
import { injectFault, systemError } from '../helpers/faulty-fs.ts';
import { fingerprintOf } from '../helpers/files.ts';
import { quiet } from '../helpers/hooks.ts';
import { copyOrder, oneModel } from '../helpers/orders.ts';

vi.mock('node:fs', async (original) => (await import('../helpers/faulty-fs.ts')).faultyFs(await original()));

const MiB = 1024 * 1024;

function arrange(size: number) {
  const { root, rel, path, bytes, tier, place } = oneModel(size);
  const source = { path, root, rel, category: 'checkpoints', fingerprint: fingerprintOf(path) };
  const order = copyOrder({
    id: 1,
    source,
    temp: join(tier.partialDir, '1-1.part'),
    ...place,
  });
  const expectNothing = () => {
    expect([place.path, place.manifestPath].map((file) => existsSync(file))).toEqual([false, false]);
    // Only what the next try goes on from may be left.
    expect(readdirSync(tier.partialDir).filter((name) => !name.startsWith('1-1.part'))).toEqual([]);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  };
  return { bytes, order, place, expectNothing };
}

describe('what the user would suffer with fs.copyFile', () => {
  test('an I/O error of the source in mid-file is reported, never a file of the right size with wrong bytes', async () => {
    const { order, expectNothing } = arrange(3 * chunkSize);
    injectFault('read', {
      when: ([, , , , position]) => Number(position) >= 2 * chunkSize,
      act: () => {
        throw systemError('EIO', 'i/o error, read');
      },
    });
    await expect(runCopyJob(order, quiet())).rejects.toMatchObject({
      code: 'SOURCE_IO',
      message: expect.stringContaining('EIO'),
    });
    expectNothing();
  });

  test('an I/O error at the very last byte as well', async () => {
    const { order, expectNothing } = arrange(chunkSize + 1);
    injectFault('read', {
      when: ([, , , , position]) => position === chunkSize,
      act: () => {
        throw systemError('EIO');
      },
    });
    await expect(runCopyJob(order, quiet())).rejects.toMatchObject({ code: 'SOURCE_IO' });
    expectNothing();
  });
});

describe('the copy has every byte in its place', () => {
  test.each([
    ['one byte less than asked for', (length: number) => length - 1],
    ['a few bytes at a time', (length: number) => Math.min(length, 100_003)],
    ['one page', () => 4096],
  ])('when reads give %s', async (_how, shorter) => {
    const { order, place, bytes } = arrange(4 * MiB + 17);
    const fault = injectFault('read', {
      when: ([, , , length]) => Number(length) > 4096,
      // A second call of the real function, with a smaller length, is what a short read is.
      act: (_real, [fd, buffer, offset, length, position]) => read(fd, buffer, offset, shorter(Number(length)), position),
    });
    await runCopyJob(order, quiet());
    expect(readFileSync(place.path).equals(bytes)).toBe(true);
    expect(fault.fired).toBeGreaterThan(3);
  });

  test.each([
    ['half of what they were given', (length: number) => Math.ceil(length / 2)],
    ['a single page', (length: number) => Math.min(length, 4096)],
  ])('when writes take %s', async (_how, shorter) => {
    const { order, place, bytes } = arrange(MiB + 17);
    injectFault('write', {
      when: ([, , , length]) => Number(length) > 4096,
      act: (_real, [fd, buffer, offset, length, position]) => write(fd, buffer, offset, shorter(Number(length)), position),
    });
    await runCopyJob(order, quiet());
    expect(readFileSync(place.path).equals(bytes)).toBe(true);
  });
});

describe('nothing is published and nothing stays', () => {
  test.each([
    ['ENOSPC', 'NO_SPACE'],
    ['EDQUOT', 'NO_SPACE'],
    ['EIO', 'CACHE_IO'],
    ['EROFS', 'CACHE_IO'],
    ['EFBIG', 'CACHE_IO'],
  ])('when a write in mid-file fails with %s', async (errno, code) => {
    const { order, expectNothing } = arrange(2 * chunkSize);
    injectFault('write', {
      when: ([, , , , position]) => Number(position) >= chunkSize,
      act: () => {
        throw systemError(errno);
      },
    });
    await expect(runCopyJob(order, quiet())).rejects.toMatchObject({ code });
    expectNothing();
  });

  test('when a write takes nothing, for ever: it is an error, not a loop', async () => {
    const { order, expectNothing } = arrange(1000);
    injectFault('write', { act: () => 0 });
    await expect(runCopyJob(order, quiet())).rejects.toMatchObject({ code: 'CACHE_IO' });
    expectNothing();
  });

  test.each([
    ['ENOTCONN', 'SOURCE_AWAY'],
    ['EHOSTDOWN', 'SOURCE_AWAY'],
    ['ETIMEDOUT', 'SOURCE_AWAY'],
    ['ENOENT', 'SOURCE_MISSING'],
    ['EACCES', 'NOT_PERMITTED'],
    ['EPERM', 'NOT_PERMITTED'],
  ])('when reading fails with %s, which is told as %s', async (errno, code) => {
    const { order, expectNothing } = arrange(1000);
    injectFault('read', {
      act: () => {
        throw systemError(errno);
      },
    });
    await expect(runCopyJob(order, quiet())).rejects.toMatchObject({ code });
    expectNothing();
  });

  test('when the server has forgotten the file, an error that Node has no name for', async () => {
    const { order, expectNothing } = arrange(1000);
    injectFault('read', {
      act: () => {
        throw Object.assign(new Error('Unknown system error -116'), { code: 'Unknown system error -116', errno: -116 });
      },
    });
    await expect(runCopyJob(order, quiet())).rejects.toMatchObject({ code: 'SOURCE_AWAY' });
    expectNothing();
  });

  test('when the file became shorter than it said', async () => {
    const { order, expectNothing } = arrange(2 * MiB);
    injectFault('read', { when: ([, , , , position]) => Number(position) >= MiB, act: () => 0 });
    await expect(runCopyJob(order, quiet())).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
    expectNothing();
  });

  test.each(['fsync', 'renameSync'] as const)('when %s fails at the end', async (call) => {
    const { order, expectNothing } = arrange(1000);
    injectFault(call, {
      act: () => {
        throw systemError('ENOSPC');
      },
    });
    await expect(runCopyJob(order, quiet())).rejects.toMatchObject({ code: 'NO_SPACE' });
    expectNothing();
  });
});

describe.skipIf(process.platform === 'win32')('what is no file is not opened', () => {
  test('a pipe, which would hold the worker for ever', async () => {
    const { order } = arrange(10);
    rmSync(order.source.path);
    execFileSync('mkfifo', [order.source.path]);
    await expect(runCopyJob(order, quiet())).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringContaining('regular'),
    });
    expect(existsSync(order.path)).toBe(false);
  });
});

const { readSync, writeSync } = await vi.importActual<typeof import('node:fs')>('node:fs');
const read = readSync as unknown as (...args: unknown[]) => number;
const write = writeSync as unknown as (...args: unknown[]) => number;
