import { createHash } from 'node:crypto';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { CacheError } from '../core/errors.ts';

/** Hash and size of a file; the hash is hexadecimal. */
export interface Hashed {
  sha256: string;
  size: number;
}

/** Size of one read, bytes. */
export const pieceBytes = 2 ** 20;
/** Interval between checks of a growing file, and maximum interval for one that does not grow, ms. */
const lookMs = { often: 1, seldom: 64 };

/** A file that another program may write. */
export interface GrowingFile {
  size(): number | Promise<number>;
  /** Reads at most a piece at a position. @returns the number of bytes read; 0 at the end */
  read(buffer: Buffer, at: number): number | Promise<number>;
}

/** The hash of a file, in steps that another thread may take. */
export interface Followed {
  /** Stops following. @returns checksums of the pieces hashed so far */
  end(): Promise<number[]>;
  /** Hashes the rest. @throws CacheError BAD_REQUEST when the file is too large */
  rest(): Promise<Hashed>;
  /** Hashes all of it once more. @throws CacheError BAD_REQUEST */
  again(): Promise<Hashed>;
}

/**
 * Hashes a finished file. Its program may have rewritten pieces that were hashed already, so these are read once more during the
 * hashing, and compared by checksums, which take a tenth of the time.
 * @throws CacheError BAD_REQUEST when it is too large
 */
export async function hashWhole(followed: Followed, file: GrowingFile): Promise<Hashed> {
  const seen = await followed.end();
  const [hashed, isSame] = await Promise.all([followed.rest(), hasChecksums(file, seen)]);
  return isSame ? hashed : followed.again();
}

/** Hashes a file while another program writes it, so that little is left to hash at the end. */
export class FollowedFile implements Followed {
  readonly #file: GrowingFile;
  readonly #most: number;
  /** Checksums of the pieces that were hashed before the end of the writing. */
  readonly #checksums: number[] = [];
  readonly #ended = new AbortController();
  #hash = createHash('sha256');
  #size = 0;
  #following: Promise<void> = Promise.resolve();

  /** @param most maximum size of the file, bytes */
  constructor(file: GrowingFile, most: number) {
    this.#file = file;
    this.#most = most;
  }

  /** Begins to hash. */
  follow(): void {
    this.#following = this.#follow();
    this.#following.catch(() => {});
  }

  async end(): Promise<number[]> {
    this.#ended.abort();
    await this.#following.catch(() => {});
    return this.#checksums;
  }

  async rest(): Promise<Hashed> {
    for await (const bytes of piecesOf(this.#file, this.#size)) {
      this.#update(bytes);
      if (this.#size > this.#most) throw new CacheError('BAD_REQUEST', 'the file is larger than was said');
    }
    return { sha256: this.#hash.digest('hex'), size: this.#size };
  }

  again(): Promise<Hashed> {
    this.#hash = createHash('sha256');
    this.#size = 0;
    return this.rest();
  }

  async #follow(): Promise<void> {
    const { crc32 } = await checksums();
    const buffer = Buffer.allocUnsafeSlow(pieceBytes);
    const { signal } = this.#ended;
    for (let pauseMs = lookMs.often; !signal.aborted && this.#size + pieceBytes <= this.#most; ) {
      if ((await this.#file.size()) - this.#size < pieceBytes) {
        await sleep(pauseMs, undefined, { signal });
        pauseMs = Math.min(lookMs.seldom, pauseMs * 2);
        continue;
      }
      pauseMs = lookMs.often;
      if ((await this.#file.read(buffer, this.#size)) < pieceBytes) continue;
      this.#checksums.push(crc32(buffer));
      this.#update(buffer);
      // Reads may complete synchronously, and other files need a turn.
      await setImmediate();
    }
  }

  #update(bytes: Buffer): void {
    this.#hash.update(bytes);
    this.#size += bytes.length;
  }
}

/** Loaded on demand, to keep the start of the daemon fast. */
const checksums = () => import('../codec/crc32.ts');

async function hasChecksums(file: GrowingFile, expected: readonly number[]): Promise<boolean> {
  if (expected.length === 0) return true;
  const { crc32 } = await checksums();
  let at = 0;
  for await (const bytes of piecesOf(file, 0, expected.length * pieceBytes)) {
    if (crc32(bytes) !== expected[at]) return false;
    at += 1;
  }
  return at === expected.length;
}

/** The pieces of a file; the next one is read while one is processed. */
async function* piecesOf(file: GrowingFile, start: number, end = Number.POSITIVE_INFINITY): AsyncIterable<Buffer> {
  const buffers = [Buffer.allocUnsafeSlow(pieceBytes), Buffer.allocUnsafeSlow(pieceBytes)] as const;
  let at = start;
  let reading = at < end ? file.read(buffers[0], at) : 0;
  for (let turn = 0; ; turn = 1 - turn) {
    const bytes = await reading;
    if (bytes === 0) return;
    at += bytes;
    const next = buffers[1 - turn] as Buffer;
    reading = at < end ? file.read(next, at) : 0;
    yield (buffers[turn] as Buffer).subarray(0, bytes);
  }
}
