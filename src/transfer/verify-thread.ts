import { CacheError } from '../core/errors.ts';
import { packageModule } from '../runtime/package.ts';
import { type Peer, startPeer } from '../runtime/peer.ts';
import type { Verdict, VerifyOrder, VerifyWatcher, VerifyWorker } from './verify-messages.ts';

/** A thread that reads files again, started for one round and ended with it. */
export class VerifyThread implements Disposable {
  #progress: (bytesDone: number) => void = () => {};
  #peer: Peer<VerifyWorker> = startPeer<VerifyWorker, VerifyWatcher>(packageModule('transfer/verify-worker'), 'thread', {
    functions: { progress: (bytesDone) => this.#progress(bytesDone) },
    onExit: () => this[Symbol.dispose](),
    youngGenerationMb: 1,
  });

  /** One at a time. @throws CacheError CANCELLED when the thread is ended meanwhile, CACHE_IO */
  verify(order: VerifyOrder, progress: (bytesDone: number) => void): Promise<Verdict> {
    this.#progress = progress;
    return this.#peer.call.verify(order);
  }

  /** See `VerifyWorker`. @throws CacheError CANCELLED when the thread is ended meanwhile */
  sha256(path: string): Promise<string | null> {
    return this.#peer.call.sha256(path);
  }

  [Symbol.dispose](): void {
    this.#peer.kill(new CacheError('CANCELLED', 'the check was broken off'));
  }
}
