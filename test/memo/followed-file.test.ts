import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { FollowedFile, hashWhole, pieceBytes } from '../../src/memo/followed-file.ts';

/** A file in memory; `seen` resolves when a piece has been read so often. */
function createFile() {
  let bytes: Buffer = Buffer.alloc(0);
  const reads = new Map<number, number>();
  const waiting: { at: number; times: number; resolve(): void }[] = [];
  return {
    written: () => bytes,
    set(next: Buffer) {
      bytes = next;
    },
    append(more: Buffer) {
      bytes = Buffer.concat([bytes, more]);
    },
    reads,
    seen(at: number, times = 1): Promise<void> {
      return new Promise((resolve) => {
        if ((reads.get(at) ?? 0) >= times) resolve();
        else waiting.push({ at, times, resolve });
      });
    },
    file: {
      size: async () => bytes.length,
      read: async (buffer: Buffer, at: number) => {
        const count = (reads.get(at) ?? 0) + 1;
        reads.set(at, count);
        const copied = bytes.subarray(at, at + pieceBytes).copy(buffer);
        for (const one of waiting) if (one.at === at && count >= one.times) one.resolve();
        return copied;
      },
    },
  };
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const piece = () => randomBytes(pieceBytes);

describe('a file that is hashed while it is written', () => {
  test.each([
    ['nothing', []],
    ['less than a piece', [1000]],
    ['pieces', [pieceBytes, pieceBytes]],
    ['pieces and a rest', [pieceBytes, pieceBytes, 7]],
  ])('of %s has the hash of its bytes', async (_, sizes) => {
    const { file, append, seen, written } = createFile();
    const followed = new FollowedFile(file, 10 * pieceBytes);
    followed.follow();
    for (const [index, size] of sizes.entries()) {
      append(randomBytes(size));
      if (size === pieceBytes) await seen(index * pieceBytes);
    }
    expect(await hashWhole(followed, file)).toEqual({ sha256: sha256(written()), size: written().length });
  });

  test('is hashed again when its program has gone back, as writers of archives do', async () => {
    const { file, append, seen, reads, set, written } = createFile();
    const followed = new FollowedFile(file, 10 * pieceBytes);
    followed.follow();
    append(Buffer.concat([piece(), piece()]));
    await seen(pieceBytes);
    append(Buffer.from('end'));
    const changed = Buffer.from(written());
    changed[3] = (changed[3] as number) ^ 1;
    set(changed);
    expect(await hashWhole(followed, file)).toEqual({ sha256: sha256(changed), size: changed.length });
    expect(reads.get(pieceBytes)).toBeGreaterThan(1);
  });

  test('has what is left in it when it was cut', async () => {
    const { file, append, seen, set } = createFile();
    const followed = new FollowedFile(file, 10 * pieceBytes);
    followed.follow();
    append(Buffer.concat([piece(), piece()]));
    await seen(pieceBytes);
    set(Buffer.from('short'));
    expect(await hashWhole(followed, file)).toEqual({ sha256: sha256(Buffer.from('short')), size: 5 });
  });

  test('is read no further than it may be long, and refused', async () => {
    const { file, append, seen, reads } = createFile();
    const followed = new FollowedFile(file, 2 * pieceBytes);
    followed.follow();
    append(Buffer.concat(Array.from({ length: 5 }, piece)));
    await seen(pieceBytes);
    await followed.end();
    expect([...reads.keys()].sort((a, b) => a - b)).toEqual([0, pieceBytes]);
    await expect(hashWhole(followed, file)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  test('that is read with an error while it is written is read again', async () => {
    const { file, append, written } = createFile();
    const failed = Promise.withResolvers<void>();
    let fails = true;
    const read = (buffer: Buffer, at: number) => {
      if (!fails) return file.read(buffer, at);
      failed.resolve();
      return Promise.reject(new Error('EIO'));
    };
    const followed = new FollowedFile({ ...file, read }, 10 * pieceBytes);
    followed.follow();
    append(piece());
    await failed.promise;
    fails = false;
    expect((await hashWhole(followed, file)).sha256).toBe(sha256(written()));
  });
});
