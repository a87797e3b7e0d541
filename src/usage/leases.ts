import type { ClientInfo } from '../api/api.ts';
import type { LeaseChange } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';

/** Time for which a served path stays valid without a new request or renewal, ms. */
export const leaseMs = 2 * 60_000;

/** Interval between sweeps of expired leases, ms; a query about one is exact at once. */
const sweepMs = 30_000;

/** Promises that a served copy stays in its place, by copy and client. Held in memory; the catalog keeps them over a restart. */
export class Leases {
  readonly #clock: Clock;
  #byCopy = new Map<string, Map<string, number>>();
  /** Clients whose lease on a copy has begun or ended since the last `changes`. */
  #changed = new Map<string, Set<string>>();
  #sweptAt: number;

  constructor(clock: Clock, saved: readonly { copyPath: string; client: string }[]) {
    this.#clock = clock;
    this.#sweptAt = clock.monotonic();
    // A restart loses the remaining times; a full new term is safe.
    for (const { copyPath, client } of saved) this.#grant(copyPath, client);
    this.#changed = new Map();
  }

  /** Grants or renews a lease. */
  grant(copyPath: string, client: ClientInfo | null): number {
    this.#grant(copyPath, clientKey(client));
    return leaseMs;
  }

  isLeased(copyPath: string): boolean {
    return this.#holders(copyPath) !== undefined;
  }

  /** Renews the client's leases on `paths`, or all of them. */
  renew(client: ClientInfo, paths: readonly string[] | true): void {
    for (const copyPath of this.#heldBy(client, paths)) this.#grant(copyPath, clientKey(client));
  }

  end(client: ClientInfo, paths: readonly string[] | true): void {
    const key = clientKey(client);
    for (const copyPath of this.#heldBy(client, paths)) {
      this.#byCopy.get(copyPath)?.delete(key);
      this.#note(copyPath, key);
    }
  }

  of(client: ClientInfo): { path: string; expiresInMs: number }[] {
    const now = this.#clock.monotonic();
    return this.#heldBy(client, true).map((path) => ({
      path,
      expiresInMs: Math.round((this.#byCopy.get(path)?.get(clientKey(client)) ?? now) - now),
    }));
  }

  on(copyPath: string): { client: string; expiresInMs: number }[] {
    const now = this.#clock.monotonic();
    const holders = this.#holders(copyPath) ?? [];
    return [...holders].map(([client, until]) => ({ client, expiresInMs: Math.round(until - now) }));
  }

  /** The leases that have begun or ended since the last call, for the catalog; null for none. Thousands may be held meanwhile. */
  changes(): LeaseChange[] | null {
    const now = this.#clock.monotonic();
    if (now - this.#sweptAt >= sweepMs) {
      this.#sweptAt = now;
      for (const copyPath of this.#byCopy.keys()) this.#holders(copyPath);
    }
    if (this.#changed.size === 0) return null;
    const changes = [...this.#changed].flatMap(([copyPath, clients]) =>
      [...clients].map((client) => ({ copyPath, client, held: this.#byCopy.get(copyPath)?.has(client) ?? false })),
    );
    this.#changed = new Map();
    return changes;
  }

  /** The clients that hold the copy; undefined if none. Drops expired leases. */
  #holders(copyPath: string): Map<string, number> | undefined {
    const holders = this.#byCopy.get(copyPath);
    if (!holders) return undefined;
    const now = this.#clock.monotonic();
    holders.forEach((until, client) => {
      if (until > now) return;
      holders.delete(client);
      this.#note(copyPath, client);
    });
    if (holders.size > 0) return holders;
    this.#byCopy.delete(copyPath);
    return undefined;
  }

  #grant(copyPath: string, client: string): void {
    let holders = this.#byCopy.get(copyPath);
    if (!holders) {
      holders = new Map();
      this.#byCopy.set(copyPath, holders);
    }
    if (!holders.has(client)) this.#note(copyPath, client);
    holders.set(client, this.#clock.monotonic() + leaseMs);
  }

  #note(copyPath: string, client: string): void {
    const clients = this.#changed.get(copyPath);
    if (clients) clients.add(client);
    else this.#changed.set(copyPath, new Set([client]));
  }

  #heldBy(client: ClientInfo, paths: readonly string[] | true): string[] {
    const key = clientKey(client);
    const held = [...this.#byCopy].filter(([, holders]) => holders.has(key)).map(([copyPath]) => copyPath);
    return paths === true ? held : held.filter((copyPath) => paths.includes(copyPath));
  }
}

function clientKey(client: ClientInfo | null): string {
  if (!client) return 'anonymous';
  // In two containers the same pid means two programs.
  const { app, pid = 0, process } = client;
  return process === undefined ? `${app}:${pid}` : `${app}:${pid}@${process}`;
}
