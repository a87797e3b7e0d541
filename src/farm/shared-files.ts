import { createHash } from 'node:crypto';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { createXxh128 } from '../codec/xxh128.ts';
import type { Seal } from '../core/types.ts';
import { ChunkSet } from './chunk-set.ts';
import type { SharedContent } from './peer-server.ts';
import { placeOf } from './peer-wire.ts';

/** A content whose copy is being made, as the daemon reports it. */
export interface UnfinishedFile {
  id: string;
  size: number;
  chunks: number;
  /** Its present path, and its path once it is whole. */
  temp: string;
  path: string;
  /** The present chunks, with their SHA-256. */
  hashes: ReadonlyMap<number, string>;
}

/** A new chunk. */
export interface GainedChunk {
  chunk: number;
  sha256: string;
  /** Whether it was written through the page cache. */
  cached: boolean;
}

/** A finished copy that others may read. */
export interface FinishedCopy {
  path: string;
  size: number;
  seal: Seal;
  /** XXH3-128 of each chunk, as the copy's proof has them: damage on the disk is not passed on. */
  digests: readonly string[];
}

/** The contents that this host gives to others, by name. */
export class SharedFiles {
  readonly #files = new Map<string, SharedFile>();

  /** @returns undefined when no part of it is here */
  of(id: string): SharedFile | undefined {
    return this.#files.get(id);
  }

  /** Names of the contents that are whole on this host. */
  whole(): string[] {
    return [...this.#files].filter(([, file]) => file.has.isFull).map(([id]) => id);
  }

  begin({ id, size, chunks, temp, path, hashes }: UnfinishedFile): void {
    // A finished copy of the same bytes, of another source, has all of it.
    if (this.#files.get(id)?.has.isFull) return;
    const file = new SharedFile(size, new ChunkSet(chunks));
    for (const [chunk, sha256] of hashes) file.gain({ chunk, sha256, cached: true });
    file.unfinished = [temp, path];
    this.#files.set(id, file);
  }

  finish(id: string, copy: FinishedCopy): void {
    const before = this.#files.get(id);
    const all = ChunkSet.all(copy.digests.length);
    const same = before?.size === copy.size ? before : undefined;
    const file = new SharedFile(copy.size, all, same?.hashes, same?.uncached);
    if (before?.has.isFull) file.copies.push(...before.copies.filter(({ path }) => path !== copy.path));
    file.copies.push(copy);
    this.#files.set(id, file);
  }

  /** Ends the giving of the copy at this path, finished or not. @returns whether nothing else of its content is here */
  withdraw(id: string, path: string): boolean {
    const file = this.#files.get(id);
    if (file === undefined) return false;
    file.copies = file.copies.filter((copy) => copy.path !== path);
    if (file.unfinished?.includes(path)) file.unfinished = null;
    if (file.copies.length > 0 || file.unfinished !== null) return false;
    return this.#files.delete(id);
  }
}

/** One content on this host, in one or more files. */
export class SharedFile implements SharedContent {
  readonly size: number;
  readonly has: ChunkSet;
  readonly hashes: Map<number, string>;
  /** Chunks that were written past the page cache. */
  readonly uncached: Set<number>;
  /** Present and final path of the unfinished copy. */
  unfinished: readonly string[] | null = null;
  copies: FinishedCopy[] = [];

  constructor(size: number, has: ChunkSet, hashes = new Map<number, string>(), uncached = new Set<number>()) {
    this.size = size;
    this.has = has;
    this.hashes = hashes;
    this.uncached = uncached;
  }

  gain({ chunk, sha256, cached }: GainedChunk): void {
    if (!this.has.add(chunk)) return;
    this.hashes.set(chunk, sha256);
    if (!cached) this.uncached.add(chunk);
  }

  async open(chunks: readonly number[]): Promise<FileHandle | null> {
    // Chunks kept out of the page cache are not read into it: that takes as much time as writing them there.
    const uncached = chunks.every((chunk) => this.uncached.has(chunk));
    for (const path of this.unfinished ?? []) {
      const file = await opened(path, uncached);
      if (file !== null) return file;
    }
    for (const copy of this.copies) {
      const file = await opened(copy.path, uncached);
      if (file === null) continue;
      if (await isSealed(file, copy.seal)) return file;
      await file.close();
    }
    return null;
  }

  async hash(chunk: number): Promise<string | undefined> {
    const file = await this.open([chunk]);
    if (file === null) return undefined;
    try {
      const { from, end } = placeOf(chunk, this.size);
      const bytes = Buffer.allocUnsafe(end - from);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
      const digest = await createXxh128();
      digest.update(bytes);
      if (bytesRead < bytes.length || digest.digest() !== this.copies[0]?.digests[chunk]) return undefined;
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      this.hashes.set(chunk, sha256);
      return sha256;
    } finally {
      await file.close();
    }
  }
}

/** @returns null when it cannot be opened */
async function opened(path: string, uncached: boolean): Promise<FileHandle | null> {
  const { O_RDONLY, O_DIRECT } = constants;
  const past = uncached && O_DIRECT !== undefined ? await open(path, O_RDONLY | O_DIRECT).catch(() => null) : null;
  return past ?? open(path, 'r').catch(() => null);
}

/** Checks the seal, since a program may have written to the file. */
async function isSealed(file: FileHandle, { size, mtimeNs, ino }: Seal): Promise<boolean> {
  const found = await file.stat({ bigint: true });
  return Number(found.size) === size && String(found.mtimeNs) === mtimeNs && String(found.ino) === ino;
}
