import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { patience } from '../helpers/patience.ts';

/** A level that copies lie in, on a disk of this host or in a store of all hosts, as those see it who write and read copies. */
export interface LevelInUse {
  /** Puts a model where the user keeps it, and has it copied into the level. Resolves when it is there, or was refused. */
  write(rel: string, bytes: Buffer): Promise<void>;
  /** What one gets who reads a copy with its proof; null when there is none, or no true one. */
  read(rel: string): Promise<Buffer | null>;
  /** Begins to write, and ends before it has. It is to be opened again then. */
  breakOff(rel: string, bytes: Buffer): Promise<void>;
  /** Opens the same place again, as the next start of the daemon does. */
  reopen(): Promise<void>;
  /** Another program writes other bytes in the place of a copy, or removes it, or puts a file beside copies. */
  damage(rel: string): Promise<void>;
  remove(rel: string): Promise<void>;
  putForeign(): Promise<void>;
  hasForeign(): Promise<boolean>;
  /** Bytes that copies take, with those that are on their way. */
  taken(): Promise<number>;
}

const MiB = 2 ** 20;
const size = 6 * MiB;
const [a, b, c] = ['a', 'b', 'c'].map((name) => join('loras', `${name}.safetensors`)) as [string, string, string];

async function gives(level: LevelInUse, rel: string, bytes: Buffer): Promise<boolean> {
  return (await level.read(rel))?.equals(bytes) ?? false;
}

/** What every level promises, wherever its copies lie: on this host or elsewhere. */
export function levelContract(what: string, open: (limit: number) => Promise<LevelInUse>): void {
  describe(what, { timeout: patience(60_000) }, () => {
    /** A level with a copy in it. */
    async function withCopy(limit = 1024 * MiB) {
      const level = await open(limit);
      const bytes = randomBytes(size);
      await level.write(a, bytes);
      return { level, bytes };
    }

    test('gives what was written, byte for byte, also after a restart', async () => {
      const { level, bytes } = await withCopy();
      expect(await gives(level, a, bytes)).toBe(true);
      await level.reopen();
      expect(await gives(level, a, bytes)).toBe(true);
    });

    test('gives the newer bytes of a source that was replaced', async () => {
      const { level } = await withCopy();
      const newer = randomBytes(size);
      await level.write(a, newer);
      expect(await gives(level, a, newer)).toBe(true);
    });

    test('gives nothing of a copy that another program wrote to; what lies beside it stays, and it can be written again', async () => {
      const { level, bytes } = await withCopy();
      const other = randomBytes(size);
      await level.write(b, other);
      await level.damage(a);
      expect(await level.read(a)).toBeNull();
      expect(await gives(level, b, other)).toBe(true);
      await level.write(a, bytes);
      expect(await gives(level, a, bytes)).toBe(true);
    });

    test('gives nothing of a copy that another program removed', async () => {
      const { level } = await withCopy();
      await level.remove(a);
      expect(await level.read(a)).toBeNull();
    });

    test('holds its limit at each moment, with what is on its way; what was wanted longest ago leaves', async () => {
      const limit = 2.5 * size;
      const { level } = await withCopy(limit);
      const seen: number[] = [];
      const look = setInterval(() => void level.taken().then((bytes) => seen.push(bytes)), 5);
      onTestFinished(() => clearInterval(look));
      const [second, third] = [randomBytes(size), randomBytes(size)];
      await level.write(b, second);
      await level.write(c, third);
      clearInterval(look);
      expect(Math.max(...seen)).toBe(2 * size);
      expect(await level.read(a)).toBeNull();
      expect(await gives(level, b, second)).toBe(true);
      expect(await gives(level, c, third)).toBe(true);
    });

    test('a copy that is larger than the limit is not written, and nothing leaves for it', async () => {
      const { level, bytes } = await withCopy(2.5 * size);
      await level.write(b, randomBytes(3 * size));
      expect(await level.read(b)).toBeNull();
      expect(await gives(level, a, bytes)).toBe(true);
    });

    test('a copy whose writer ended in the middle is not there, or whole, and can be written again', async () => {
      const { level, bytes } = await withCopy();
      const large = Buffer.alloc(128 * MiB, randomBytes(1024));
      await level.breakOff(b, large);
      await level.reopen();
      const found = await level.read(b);
      expect(found === null || found.equals(large)).toBe(true);
      await level.write(b, large);
      expect(await gives(level, b, large)).toBe(true);
      expect(await gives(level, a, bytes)).toBe(true);
    });

    test('files of others stay, also when copies leave', async () => {
      const { level } = await withCopy(1.5 * size);
      await level.putForeign();
      await level.write(b, randomBytes(size));
      await level.reopen();
      expect(await level.read(a)).toBeNull();
      expect(await level.hasForeign()).toBe(true);
    });
  });
}
