import { createHash } from 'node:crypto';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { CacheError } from '../core/errors.ts';

/** What a file has in it; the hash is hexadecimal. */
export interface Hashed {
  sha256: string;
  size: number;
}

/** Bytes that are read at once. */
export const pieceBytes = 2 ** 20;
/** How often a file that grows is looked at, and at most how seldom one that does not, ms. */
const lookMs = { often: 1, seldom: 64 };

/** A file that another program may write. */
export interface GrowingFile {
  size(): number | Promise<number>;
  /** Reads at most a piece at a position. @returns how many bytes; 0 at the end */
  read(buffer: Buffer, at: number): number | Promise<number>;
}

/**
 * Hashes a file while another program writes it: of what is in it when that has ended, little is left to hash. A program may have
 * gone back to what was hashed already, so that is read once more and compared by checksums, which take a third of the time.
 */
export class FollowedFile {
  readonly #file: GrowingFile;
  readonly #most: number;
  /** Checksums of the pieces that were hashed before the end of the writing. */
  readonly #checksums: number[] = [];
  readonly #ended = new AbortController();
  #hash = createHash('sha256');
  #size = 0;
  #following: Promise<void> = Promise.resolve();

  /** @param most bytes that it may have */
  constructor(file: GrowingFile, most: number) {
    this.#file = file;
    this.#most = most;
  }

  /** Begins to hash. */
  follow(): void {
    this.#following = this.#follow();
    this.#following.catch(() => {});
  }

  /** Hashes nothing more. */
  async end(): Promise<void> {
    this.#ended.abort();
    await this.#following.catch(() => {});
  }

  /** To be called when the file is written, and is not written to any more. @throws CacheError BAD_REQUEST when it is too large */
  async finish(): Promise<Hashed> {
    await this.end();
    await this.#hashRest();
    if (!(await this.#isAsFollowed())) {
      this.#hash = createHash('sha256');
      this.#size = 0;
      await this.#hashRest();
    }
    return { sha256: this.#hash.digest('hex'), size: this.#size };
  }

  async #follow(): Promise<void> {
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
      // Its file may be read at once, and others wait for their turn.
      await setImmediate();
    }
  }

  async #hashRest(): Promise<void> {
    for await (const bytes of this.#pieces(this.#size, Number.POSITIVE_INFINITY)) {
      this.#update(bytes);
      if (this.#size > this.#most) throw new CacheError('BAD_REQUEST', 'the file is larger than was said');
    }
  }

  async #isAsFollowed(): Promise<boolean> {
    let at = 0;
    for await (const bytes of this.#pieces(0, this.#checksums.length * pieceBytes)) {
      if (crc32(bytes) !== this.#checksums[at]) return false;
      at += 1;
    }
    return at === this.#checksums.length;
  }

  /** The next piece is read while one is looked at. */
  async *#pieces(start: number, end: number): AsyncIterable<Buffer> {
    const buffers = [Buffer.allocUnsafeSlow(pieceBytes), Buffer.allocUnsafeSlow(pieceBytes)] as const;
    let at = start;
    let reading = at < end ? this.#file.read(buffers[0], at) : 0;
    for (let turn = 0; ; turn = 1 - turn) {
      const bytes = await reading;
      if (bytes === 0) return;
      at += bytes;
      const next = buffers[1 - turn] as Buffer;
      reading = at < end ? this.#file.read(next, at) : 0;
      yield (buffers[turn] as Buffer).subarray(0, bytes);
    }
  }

  #update(bytes: Buffer): void {
    this.#hash.update(bytes);
    this.#size += bytes.length;
  }
}
