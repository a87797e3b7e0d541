import { CacheError } from '../core/errors.ts';
import { serveParent } from '../runtime/peer.ts';
import { FollowedFile, growingFile, type Hashed } from './followed-file.ts';

/** Files are named by their descriptors, which are those of the whole process. */
export interface HashWorker {
  /** @param most bytes that it may have */
  follow(fd: number, most: number): void;
  /** @throws CacheError BAD_REQUEST when it has more */
  finish(fd: number): Promise<Hashed>;
  /** Resolves when the file is not read any more. */
  leave(fd: number): Promise<void>;
}

const files = new Map<number, FollowedFile>();

/** The entry of the thread that hashes blobs. */
serveParent<object, HashWorker>({
  follow(fd, most) {
    const file = new FollowedFile(growingFile(fd), most);
    files.set(fd, file);
    file.follow();
  },
  async finish(fd) {
    const file = files.get(fd);
    if (!file) throw new CacheError('INTERNAL', 'the file is not followed');
    return file.finish();
  },
  async leave(fd) {
    await files.get(fd)?.end();
    files.delete(fd);
  },
});
