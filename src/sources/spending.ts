import type { Spent } from '../core/remote.ts';

/** Interval of cost reports during work, ms: a process may be killed. */
const tellMs = 2_000;

/** Counts the requests and bytes of one remote. */
export interface Meter {
  /** Counts a request, also a failing one. */
  request(): void;
  /** Counts received bytes of an object, used or not. */
  received(bytes: number): void;
}

/** Unreported costs of remotes in this process. */
class Spending {
  readonly #untold = new Map<string, Spent>();
  #toldAt = 0;

  /** The meter of a remote, by its name. */
  of(remote: string): Meter {
    return {
      request: () => this.#add(remote, { bytes: 0, requests: 1 }),
      received: (bytes) => this.#add(remote, { bytes, requests: 0 }),
    };
  }

  /** Reports new costs, if any. */
  tell(told: (spent: Spent[]) => void): void {
    if (this.#untold.size === 0) return;
    this.#toldAt = performance.now();
    const spent = [...this.#untold.values()];
    this.#untold.clear();
    told(spent);
  }

  /** The same periodically during work. */
  tellNowAndThen(told: (spent: Spent[]) => void): void {
    if (performance.now() - this.#toldAt >= tellMs) this.tell(told);
  }

  #add(remote: string, more: Omit<Spent, 'remote'>): void {
    const { bytes, requests } = this.#untold.get(remote) ?? { bytes: 0, requests: 0 };
    this.#untold.set(remote, { remote, bytes: bytes + more.bytes, requests: requests + more.requests });
  }
}

export const spending = new Spending();

/** Counts nothing. */
export const freeOfCharge: Meter = { request() {}, received() {} };
