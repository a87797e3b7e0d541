import { CacheError } from '../core/errors.ts';
import type { S3Remote } from '../core/remote.ts';
import { packageModule } from '../runtime/package.ts';
import { type Peer, startPeer } from '../runtime/peer.ts';
import type { StoreWatcher, StoreWorker } from './store-messages.ts';

/** The process that speaks to the store. It starts at the first request, and again after it has ended. */
export class StoreProcess implements Disposable {
  readonly #at: S3Remote;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #watcher: StoreWatcher;
  #peer: Peer<StoreWorker> | null = null;
  #hasEnded = false;

  constructor(at: S3Remote, environment: NodeJS.ProcessEnv, watcher: StoreWatcher) {
    this.#at = at;
    this.#environment = environment;
    this.#watcher = watcher;
  }

  /** @throws CacheError CANCELLED when the daemon stops */
  get call(): Peer<StoreWorker>['call'] {
    if (this.#hasEnded) throw new CacheError('CANCELLED', 'the daemon is stopping');
    this.#peer ??= this.#start();
    return this.#peer.call;
  }

  [Symbol.dispose](): void {
    this.#hasEnded = true;
    this.#peer?.kill(new CacheError('CANCELLED', 'the daemon is stopping'));
  }

  #start(): Peer<StoreWorker> {
    const peer = startPeer<StoreWorker, StoreWatcher>(packageModule('shared/store-worker'), 'process', {
      functions: this.#watcher,
      env: this.#environment,
      onExit: () => {
        if (this.#peer === peer) this.#peer = null;
      },
    });
    // Requests follow it in order.
    void peer.call.begin(this.#at).catch(() => {});
    return peer;
  }
}
