import { createHash } from 'node:crypto';
import { sourceDigestOf } from '../core/source-name.ts';
import type { SourceFile } from '../core/types.ts';
import type { Log } from '../runtime/log.ts';
import { Periodic } from '../runtime/periodic.ts';
import type { DemandTable } from './demand-table.ts';

type Wanted = Pick<SourceFile, 'rel' | 'category' | 'fingerprint'>;

export interface FarmDemandDeps {
  table: Pick<DemandTable, 'wanted' | 'all'>;
  /** Number of live hosts without this one. */
  others(): number;
  log: Log;
}

/** Interval between tries to report pending wishes, ms, and between two requests for the counts of all hosts. */
const roundMs = 5000;
const askMs = 3_600_000;
/** Maximum of pending wishes while Redis is away. */
const mostWaiting = 1000;

/** Demand of a farm's hosts: each reports its wishes, and a host without counts for a file starts with those of the others. */
export class FarmDemand implements AsyncDisposable {
  readonly #deps: FarmDemandDeps;
  readonly #rounds: Periodic;
  #waiting: string[] = [];
  #known: ReadonlyMap<string, number> = new Map();
  /** Wishes for all files. */
  #all = 0;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(deps: FarmDemandDeps) {
    this.#deps = deps;
    const onError = (error: unknown) => deps.log.debug({ err: error }, 'the demand of the farm waits for its Redis');
    this.#rounds = new Periodic(() => this.#round(), { everyMs: roundMs, onError });
  }

  begin(): void {
    void this.#rounds.now();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rounds[Symbol.asyncDispose]();
  }

  /**
   * Mean decayed wishes of the other hosts for a file; 0 = none known. The more wishes of its own a host has, the fewer of the others'
   * it takes over: hosts of one farm may serve different people.
   * @param own wishes of all files on this host
   */
  of(file: Wanted, own: number): number {
    const others = Math.max(1, this.#deps.others());
    const isNew = this.#all > 0 ? Math.max(0, 1 - (own * others) / this.#all) : 0;
    return (isNew * (this.#known.get(nameOf(file)) ?? 0)) / others;
  }

  /** Reports a wish of this host. */
  wished(file: Wanted): void {
    this.#waiting = [...this.#waiting, nameOf(file)].slice(-mostWaiting);
    void this.#rounds.now();
  }

  async #round(): Promise<void> {
    const { table } = this.#deps;
    if (performance.now() - this.#askedAt >= askMs) {
      this.#known = await table.all();
      this.#all = [...this.#known.values()].reduce((sum, wishes) => sum + wishes, 0);
      this.#askedAt = performance.now();
    }
    const told = this.#waiting;
    if (told.length === 0) return;
    await table.wanted(told);
    this.#waiting = this.#waiting.filter((_, at) => at >= told.length);
  }
}

/** Names one content: a replaced file has another name. */
function nameOf({ fingerprint: { size, mtimeNs }, ...source }: Wanted): string {
  return createHash('sha256')
    .update(`${sourceDigestOf(source)}\n${size}\n${mtimeNs}`)
    .digest('base64url')
    .slice(0, 22);
}
