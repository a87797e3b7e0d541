import type { ClientInfo } from '../api/api.ts';
import type { Clock } from '../runtime/clock.ts';

/** How long a served path stays valid without a new request or renewal, ms. */
export const leaseMs = 2 * 60_000;

/** Promises that a served copy stays in its place, by copy and client. Held in memory; the catalog keeps them over a restart. */
export class Leases {
  readonly #clock: Clock;
  #byCopy = new Map<string, Map<string, number>>();
  #changed = false;

  constructor(clock: Clock, saved: readonly { copyPath: string; client: string }[]) {
    this.#clock = clock;
    // The remaining times are lost in a restart; a whole new term is the safe side.
    for (const { copyPath, client } of saved) this.#grant(copyPath, client);
  }

  /** Grants or renews. */
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
    for (const copyPath of this.#heldBy(client, paths)) this.#byCopy.get(copyPath)?.delete(clientKey(client));
    this.#changed = true;
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

  /** All leases when any has changed since the last call, for the catalog; else null. */
  changes(): { copyPath: string; client: string }[] | null {
    const all = [...this.#byCopy.keys()].flatMap((copyPath) =>
      [...(this.#holders(copyPath)?.keys() ?? [])].map((client) => ({ copyPath, client })),
    );
    if (!this.#changed) return null;
    this.#changed = false;
    return all;
  }

  /** The clients that hold the copy; undefined if none. Drops expired leases. */
  #holders(copyPath: string): Map<string, number> | undefined {
    const holders = this.#byCopy.get(copyPath);
    if (!holders) return undefined;
    const now = this.#clock.monotonic();
    for (const [client, until] of holders) {
      if (until > now) continue;
      holders.delete(client);
      this.#changed = true;
    }
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
    if (!holders.has(client)) this.#changed = true;
    holders.set(client, this.#clock.monotonic() + leaseMs);
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
