import { CacheError } from '../core/errors.ts';
import { packageModule } from '../runtime/package.ts';
import { type Peer, startPeer } from '../runtime/peer.ts';
import type { Followed } from './followed-file.ts';
import type { HashWorker } from './hash-worker.ts';

/** Idle time after which the thread ends, ms. */
const idleMs = 60_000;

/** A file that the thread hashes while it is written. */
export interface Following extends Followed {
  /** Resolves when it may be closed. Never rejects. */
  leave(): Promise<void>;
}

/** The thread that hashes files of programs: 64 MiB take 50 ms, which no answer should wait for. It lives while it has files. */
export class HashThread implements Disposable {
  #peer: Peer<HashWorker> | null = null;
  #files = 0;
  #ending: NodeJS.Timeout | undefined;

  /** Begins to hash a file that grows to at most `most` bytes. Its steps fail when the thread ends. @throws Error when none can be started */
  follow(fd: number, most: number): Following {
    this.#peer ??= this.#start();
    const peer = this.#peer;
    this.#files += 1;
    clearTimeout(this.#ending);
    peer.tell.follow(fd, most);
    return {
      end: () => peer.call.end(fd),
      rest: () => peer.call.rest(fd),
      again: () => peer.call.again(fd),
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
