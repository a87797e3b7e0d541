import { CacheError } from '../core/errors.ts';
import { siblingModule, startPeer } from '../runtime/peer.ts';
import type { FromScrubWorker, Verdict, VerifyOrder } from '../transfer/verify-messages.ts';

/** A thread that reads copies again, started for one round and ended with it. */
export class ScrubThread implements Disposable {
  #peer = startPeer<VerifyOrder, FromScrubWorker>(siblingModule('../transfer/verify-worker', import.meta.url), 'thread');
  #progress: (bytesDone: number) => void = () => {};
  #settle: (answer: Verdict | CacheError) => void = () => {};

  constructor() {
    this.#peer.onMessage((message) => {
      if (message.type === 'progress') this.#progress(message.bytesDone);
      else if (message.type === 'verified') this.#settle(message.verdict);
      else this.#settle(new CacheError('CACHE_IO', message.message));
    });
    this.#peer.onExit(() => this.#settle(new CacheError('CANCELLED', 'the check was broken off')));
  }

  /** One at a time. @throws CacheError CANCELLED when the thread is ended meanwhile, CACHE_IO */
  async verify(order: VerifyOrder, progress: (bytesDone: number) => void): Promise<Verdict> {
    this.#progress = progress;
    const answer = await new Promise<Verdict | CacheError>((settle) => {
      this.#settle = settle;
      this.#peer.send(order);
    });
    if (answer instanceof CacheError) throw answer;
    return answer;
  }

  [Symbol.dispose](): void {
    this.#peer.kill();
    this.#settle(new CacheError('CANCELLED', 'the check was broken off'));
  }
}
