import type { Spent } from '../core/remote.ts';

/** While something goes on, what it has cost so far is told this often, ms: a process may be killed. */
const tellMs = 2_000;

/** Counts what reading one remote costs. */
export interface Meter {
  /** A request goes out, whatever comes of it. */
  request(): void;
  /** Bytes of an object have come, whether they are of use or not. */
  received(bytes: number): void;
}

/** What this process has spent on remotes and not told yet. */
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

  /** Tells what is untold, if there is anything. */
  tell(told: (spent: Spent[]) => void): void {
    if (this.#untold.size === 0) return;
    this.#toldAt = performance.now();
    const spent = [...this.#untold.values()];
    this.#untold.clear();
    told(spent);
  }

  /** The same at times, while something goes on. */
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
