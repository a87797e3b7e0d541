import { createHash, hash, randomUUID } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CacheError } from '../core/errors.ts';
import type { Seal } from '../core/types.ts';
import { errnoOf, meaningOf } from '../runtime/errnos.ts';
import { FollowedFile, type GrowingFile, type Hashed, hashWhole, pieceBytes } from './followed-file.ts';
import type { Following, HashThread } from './hash-thread.ts';

const readOnly = 0o400;

/** The files of blobs, named by their SHA-256 in hexadecimal: `cas/ab/ab12…`, read-only and private to this user. */
export class BlobFiles {
  readonly #cas: string;
  /** Files that are being written. */
  readonly #partial: string;

  constructor(dir: string) {
    this.#cas = join(dir, 'cas');
    this.#partial = join(dir, 'partial');
    for (const own of [this.#cas, this.#partial]) mkdirSync(own, { recursive: true, mode: 0o700 });
  }

  pathOf(sha256: string): string {
    return join(this.#cas, sha256.slice(0, 2), sha256);
  }

  /** Whether the file is still as it was sealed: one stat of a local file. */
  isSealed(sha256: string, seal: Seal): boolean {
    const found = lstatSync(this.pathOf(sha256), { bigint: true, throwIfNoEntry: false });
    if (!found?.isFile()) return false;
    return found.size === BigInt(seal.size) && String(found.mtimeNs) === seal.mtimeNs && String(found.ino) === seal.ino;
  }

  /** The bytes of a blob; null unless they match its name. */
  async read(sha256: string): Promise<Buffer | null> {
    const bytes = await readFile(this.pathOf(sha256)).catch(() => null);
    return bytes !== null && hash('sha256', bytes) === sha256 ? bytes : null;
  }

  /** Makes a blob survive a loss of power. */
  async sync(sha256: string): Promise<void> {
    const path = this.pathOf(sha256);
    await using file = await open(path, 'r');
    await file.sync();
    await syncDirectory(dirname(path));
  }

  /** Begins an unfinished file. */
  async begin(): Promise<UnfinishedBlob> {
    const temp = join(this.#partial, `${randomUUID()}.part`);
    return new UnfinishedBlob(temp, await open(temp, 'wx+', 0o600), (sha256) => this.pathOf(sha256));
  }

  /** Takes a blob from its place at once, so that a later store is not undone. @returns the path to `free`, null when it does not exist */
  takeOut(sha256: string): string | null {
    const leaving = join(this.#partial, `${randomUUID()}.leaving`);
    try {
      renameSync(this.pathOf(sha256), leaving);
      return leaving;
    } catch (error) {
      if (meaningOf(error) === 'missing') return null;
      throw error;
    }
  }

  /** Frees the space of a file that was taken out. Large files take a while. */
  free(leaving: string): Promise<void> {
    return rm(leaving, { force: true });
  }

  /** Removes leftovers of a crash: nothing is being written at a start. */
  dropUnfinished(): void {
    for (const name of readdirSync(this.#partial)) rmSync(join(this.#partial, name), { force: true, recursive: true });
  }

  /** The folders of blobs, by the first two digits of their names. */
  folders(): string[] {
    return readdirSync(this.#cas).filter((name) => /^[0-9a-f]{2}$/.test(name));
  }

  namesIn(folder: string): string[] {
    return readdirSync(join(this.#cas, folder));
  }

  /** Removes a file that is no blob. */
  discard(folder: string, name: string): void {
    rmSync(join(this.#cas, folder, name), { force: true, recursive: true });
  }
}

/** An unfinished blob: hashed while it is written, and named only when it is whole (law 1). */
export class UnfinishedBlob {
  /** Its path until it has its name. */
  readonly temp: string;
  readonly #file: FileHandle;
  readonly #pathOf: (sha256: string) => string;
  readonly #hash = createHash('sha256');
  #size = 0;
  #hashed: Hashed | null = null;
  /** The mtime of a file that another program has written, ns; a changed one shows that it still writes. */
  #mtimeNs: bigint | null = null;
  #following: Following | null = null;
  /** The folder that it was published in. */
  #place: string | null = null;

  constructor(temp: string, file: FileHandle, pathOf: (sha256: string) => string) {
    this.temp = temp;
    this.#file = file;
    this.#pathOf = pathOf;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    this.#size += bytes.length;
    for (let at = 0; at < bytes.length; ) at += (await this.#file.write(bytes, at)).bytesWritten;
  }

  /** Another program writes at most `most` bytes into the file; they are hashed meanwhile, or else after its end. */
  follow(thread: Pick<HashThread, 'follow'>, most: number): void {
    try {
      this.#following = thread.follow(this.#file.fd, most);
    } catch {
      // The system has no more threads.
    }
  }

  /**
   * Takes the bytes that another program has written into the file, instead of `write`. `publish` checks that the program has ended.
   * @throws CacheError BAD_REQUEST for more than `most` bytes, and for a file that was replaced or has a second name
   */
  async readWritten(most: number): Promise<void> {
    await this.#assertOwn();
    // A later write changes the time of the file, however coarse the clock of its disk is.
    const seconds = 2 * Math.floor(Date.now() / 2000) - 2;
    await this.#file.utimes(seconds, seconds);
    this.#mtimeNs = BigInt(seconds) * 1_000_000_000n;
    const file = readLater(this.#file);
    const hashing = hashWhole(this.#following ?? new FollowedFile(file, most), file);
    [this.#hashed] = await Promise.all([hashing, this.#file.chmod(readOnly)]);
  }

  /** Ends the writing. */
  async finish(): Promise<Hashed> {
    if (this.#hashed !== null) return this.#hashed;
    await this.#file.chmod(readOnly);
    this.#hashed = { sha256: this.#hash.digest('hex'), size: this.#size };
    return this.#hashed;
  }

  /** Renames the finished file to its name; `sync` must follow. @throws CacheError CONFLICT when another program still writes to it */
  async publish(sha256: string): Promise<Seal> {
    const [{ size, mtimeNs, ino }] = await Promise.all([this.#file.stat({ bigint: true }), this.#leaveThread()]);
    if (this.#mtimeNs !== null && (mtimeNs !== this.#mtimeNs || size !== BigInt(this.#hashed?.size ?? 0)))
      throw new CacheError('CONFLICT', 'the file was written to while it was stored', { hint: 'Close it before.' });
    const path = this.#pathOf(sha256);
    await rename(this.temp, path).catch(async (error: unknown) => {
      if (meaningOf(error) !== 'missing') throw error;
      // The first of its folder. The folder above is missing when the disk was unmounted: nothing is made below its mount point.
      await mkdir(dirname(path), { mode: 0o700 }).catch((failed) => {
        if (errnoOf(failed) !== 'EEXIST') throw failed;
      });
      await rename(this.temp, path);
    });
    this.#place = dirname(path);
    return { size: Number(size), mtimeNs: String(mtimeNs), ino: String(ino) };
  }

  /** Makes a published file and its name survive a loss of power. */
  async sync(): Promise<void> {
    try {
      await this.#file.sync();
      await syncDirectory(this.#place ?? '');
    } finally {
      await this.#file.close();
    }
  }

  /** Removes an unpublished file. */
  async drop(): Promise<void> {
    if (this.#place !== null) return;
    const closed = this.#close().catch(() => {});
    // The thread may still be starting: no answer waits for it.
    if (!this.#following) await closed;
    await rm(this.temp, { force: true });
  }

  async #leaveThread(): Promise<void> {
    await this.#following?.leave();
    this.#following = null;
  }

  async #close(): Promise<void> {
    await this.#leaveThread();
    await this.#file.close();
  }

  async #assertOwn(): Promise<void> {
    const [{ ino }, there] = await Promise.all([
      this.#file.stat({ bigint: true }),
      lstat(this.temp, { bigint: true }).catch(() => null),
    ]);
    if (there?.ino !== ino) throw new CacheError('BAD_REQUEST', 'this is no longer the file that was made');
    if (there.nlink > 1n) throw new CacheError('BAD_REQUEST', 'the file has another name, by which it could be changed unseen');
  }
}

/** A file that is read off the daemon's own thread. */
function readLater(file: FileHandle): GrowingFile {
  return {
    size: async () => (await file.stat()).size,
    read: async (buffer, at) => (await file.read(buffer, 0, pieceBytes, at)).bytesRead,
  };
}

/** Makes a rename survive a power cut. Windows journals the name itself. */
async function syncDirectory(dir: string): Promise<void> {
  if (process.platform === 'win32') return;
  await using directory = await open(dir, 'r');
  await directory.sync();
}
