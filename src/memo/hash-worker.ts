import { fstatSync, readSync } from 'node:fs';
import { CacheError } from '../core/errors.ts';
import { serveParent } from '../runtime/peer.ts';
import { FollowedFile, type GrowingFile, type Hashed, pieceBytes } from './followed-file.ts';

/** Hashes files by their descriptors, which are valid in the whole process. See `Followed`. */
export interface HashWorker {
  /** @param most maximum size of the file, bytes */
  follow(fd: number, most: number): void;
  end(fd: number): Promise<number[]>;
  rest(fd: number): Promise<Hashed>;
  again(fd: number): Promise<Hashed>;
  /** Resolves when the file is not read any more. */
  leave(fd: number): Promise<void>;
}

/** Reads synchronously: the bytes were just written and are in memory, and each asynchronous read would wake another thread. */
function fileAt(fd: number): GrowingFile {
  return { size: () => fstatSync(fd).size, read: (buffer, at) => readSync(fd, buffer, 0, pieceBytes, at) };
}

const files = new Map<number, FollowedFile>();

function followed(fd: number): FollowedFile {
  const file = files.get(fd);
  if (!file) throw new CacheError('INTERNAL', 'the file is not followed');
  return file;
}

/** The entry of the thread that hashes blobs. */
serveParent<object, HashWorker>({
  follow(fd, most) {
    const file = new FollowedFile(fileAt(fd), most);
    files.set(fd, file);
    file.follow();
  },
  end: async (fd) => followed(fd).end(),
  rest: async (fd) => followed(fd).rest(),
  again: async (fd) => followed(fd).again(),
  async leave(fd) {
    await files.get(fd)?.end();
    files.delete(fd);
  },
});
