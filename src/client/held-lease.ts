import type { MemoWire } from './memo-wire.ts';

/** The right to compute a key, renewed until it is given up; it does not keep the process alive. */
export class HeldLease {
  readonly id: string;
  readonly #wire: MemoWire;
  readonly #renewing: NodeJS.Timeout;

  constructor(wire: MemoWire, { id, ms }: { id: string; ms: number }) {
    this.id = id;
    this.#wire = wire;
    this.#renewing = setInterval(() => void this.#send('renew'), ms / 3).unref();
  }

  /** Ends the renewal: the daemon has the result. */
  done(): void {
    clearInterval(this.#renewing);
  }

  /** Releases the lease without a result: the oldest waiter computes, or all do because no result can be kept. */
  async giveUp({ all }: { all: boolean }): Promise<void> {
    this.done();
    await this.#send('release', all ? { all } : {});
  }

  /** Releases the lease with the error of the computation, for the waiters. */
  async failed(error: string): Promise<void> {
    this.done();
    await this.#send('release', { error: error.slice(0, 10_000) });
  }

  /** Errors are ignored: without requests the lease expires. */
  async #send(what: 'renew' | 'release', more: object = {}): Promise<void> {
    await this.#wire.ask('POST', `/api/memo/${what}`, { body: { lease: this.id, ...more } }).catch(() => {});
  }
}
