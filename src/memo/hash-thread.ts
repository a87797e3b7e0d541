import { CacheError } from '../core/errors.ts';
import { packageModule } from '../runtime/package.ts';
import { type Peer, startPeer } from '../runtime/peer.ts';
import type { Hashed } from './followed-file.ts';
import type { HashWorker } from './hash-worker.ts';

/** It stays for so long after its last file, ms. */
const idleMs = 10_000;

/** A file that is hashed while it is written. */
export interface Following {
  /** What is in it when it has been written. @throws CacheError BAD_REQUEST when it is too large, INTERNAL when the thread has ended */
  finish(): Promise<Hashed>;
  /** Resolves when it may be closed. Never rejects. */
  leave(): Promise<void>;
}

/** The thread that hashes what programs write: 64 MiB take 50 ms, which no answer should wait for. It lives while there are files. */
export class HashThread implements Disposable {
  #peer: Peer<HashWorker> | null = null;
  #files = 0;
  #ending: NodeJS.Timeout | undefined;

  /** Begins to hash a file that grows to at most `most` bytes. @throws Error when no thread can be started */
  follow(fd: number, most: number): Following {
    this.#peer ??= this.#start();
    const peer = this.#peer;
    this.#files += 1;
    clearTimeout(this.#ending);
    peer.tell.follow(fd, most);
    return {
      finish: () => peer.call.finish(fd),
      leave: async () => {
        await peer.call.leave(fd).catch(() => {});
        this.#left();
      },
    };
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#ending);
    this.#peer?.kill(new CacheError('INTERNAL', 'results are closed'));
    this.#peer = null;
  }

  #left(): void {
    this.#files -= 1;
    if (this.#files === 0) this.#ending = setTimeout(() => this[Symbol.dispose](), idleMs).unref();
  }

  #start(): Peer<HashWorker> {
    const peer = startPeer<HashWorker, object>(packageModule('memo/hash-worker'), 'thread', {
      functions: {},
      onExit: () => {
        if (this.#peer === peer) this.#peer = null;
      },
      youngGenerationMb: 1,
      unref: true,
    });
    return peer;
  }
}
