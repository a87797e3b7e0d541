import { basename } from 'node:path';
import { CacheError } from '../core/errors.ts';
import type { Presence } from './asker.ts';
import type { UnfinishedBlob } from './blob-files.ts';
import type { Blob } from './blobs.ts';
import { pieceBytes } from './followed-file.ts';
import { HashThread } from './hash-thread.ts';
import type { Reservation } from './room.ts';
import type { Store } from './store.ts';
import { assertSize, finishBlob, keptMs, roomFor, whyNot } from './store-blob.ts';

/** Maximum size of a file that its program need not wait for to be hashed, bytes. */
export const mostUnhashed = 128 * 2 ** 20;

/** Maximum number of staged files: each has an open file. */
const mostAtOnce = 64;

interface Staged {
  file: UnfinishedBlob;
  room: Reservation;
  /** Maximum size, bytes. */
  size: number;
  unwatch(): void;
}

/**
 * Files that programs of this machine fill, and the daemon takes as blobs: their bytes need no connection. Room is reserved before
 * a program writes (law 3). They are among the unfinished files, so leftovers of a crash are removed at the next start.
 */
export class Staging implements AsyncDisposable {
  readonly #store: Store;
  readonly #staged = new Map<string, Staged>();
  readonly #thread = new HashThread();
  #beginning = 0;
  #isClosed = false;

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * An empty file of the daemon that a program may fill and close. It stays for ten minutes, and not longer than the program.
   * @param size maximum bytes @throws CacheError BODY_TOO_LARGE, NO_SPACE, BUSY
   */
  async begin(size: number, { most, program }: { most: number; program: Presence }): Promise<{ staged: string; path: string }> {
    assertSize(size, most);
    if (this.#staged.size + this.#beginning >= mostAtOnce) throw new CacheError('BUSY', 'too many files are being written');
    this.#beginning += 1;
    try {
      const room = await roomFor(this.#store, size);
      const file = await this.#store.files.begin().catch((error: unknown) => {
        room[Symbol.dispose]();
        return whyNot(error);
      });
      this.#store.publisher.expect();
      // No program waits for the hash of a smaller file, and hashing would slow its writing.
      if (size > mostUnhashed && !this.#isClosed) file.follow(this.#thread, size);
      const staged = basename(file.temp);
      const drop = () => void this.drop(staged);
      const timer = setTimeout(drop, keptMs).unref();
      const unwatch = program.onGone(drop);
      this.#staged.set(staged, { file, room, size, unwatch: () => [clearTimeout(timer), unwatch()] });
      if (this.#isClosed) await this.drop(staged);
      return { staged, path: file.temp };
    } finally {
      this.#beginning -= 1;
    }
  }

  /** Most bytes of a file that is there. */
  sizeOf(name: string): number | undefined {
    return this.#staged.get(name)?.size;
  }

  /**
   * Takes a file that its program has closed: hashes it, and renames it; nothing is copied. After an error the file is removed too.
   * @param sha256 the expected name; null = any
   * @throws CacheError NOT_FOUND, BAD_REQUEST, CONFLICT, HASH_MISMATCH, NO_SPACE
   */
  async take(name: string, sha256: string | null): Promise<Blob> {
    const staged = this.#leave(name);
    if (!staged) throw new CacheError('NOT_FOUND', 'there is no such file', { hint: 'POST /api/memo/stage first.' });
    const { file, room, size } = staged;
    try {
      // Fewer bytes are hashed as fast as a thread could be asked to.
      if (size > pieceBytes && size <= mostUnhashed) file.follow(this.#thread, size);
      await file.readWritten(size);
      return await finishBlob(this.#store, file, sha256);
    } catch (error) {
      return whyNot(error);
    } finally {
      await file.drop();
      room[Symbol.dispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#staged.keys()].map((name) => this.drop(name)));
    this.#thread[Symbol.dispose]();
  }

  /** Removes a file that is not taken. Never rejects: a file that cannot be removed is removed at the next start. */
  async drop(name: string): Promise<void> {
    const staged = this.#leave(name);
    await staged?.file.drop().catch(() => {});
    staged?.room[Symbol.dispose]();
  }

  #leave(name: string): Staged | undefined {
    const staged = this.#staged.get(name);
    this.#staged.delete(name);
    staged?.unwatch();
    return staged;
  }
}
