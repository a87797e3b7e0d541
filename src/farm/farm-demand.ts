import { createHash } from 'node:crypto';
import { sourceDigestOf } from '../core/source-name.ts';
import type { SourceFile } from '../core/types.ts';
import type { Log } from '../runtime/log.ts';
import { Periodic } from '../runtime/periodic.ts';
import type { DemandTable } from './demand-table.ts';

type Wanted = Pick<SourceFile, 'rel' | 'category' | 'fingerprint'>;

export interface FarmDemandDeps {
  table: Pick<DemandTable, 'wanted' | 'all'>;
  /** Live hosts without this one. */
  others(): number;
  log: Log;
}

/** Until what could not be told is told again, ms, and until the counts of all are asked for again. */
const roundMs = 5000;
const askMs = 3_600_000;
/** Wishes that are kept for a Redis that is away. */
const mostWaiting = 1000;

/** What the hosts of a farm want: each tells what it is asked for, and one that knows nothing of a file begins with what the others know. */
export class FarmDemand implements AsyncDisposable {
  readonly #deps: FarmDemandDeps;
  readonly #rounds: Periodic;
  #waiting: string[] = [];
  #known: ReadonlyMap<string, number> = new Map();
  /** Of all files. */
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
   * How often one of the other hosts has wanted a file in the mean, as that counts by now; 0 = never, as far as is known. A host that has
   * wishes of its own is told the less of the others' the more it has: hosts of one farm may serve different people.
   * @param own wishes of all files on this host
   */
  of(file: Wanted, own: number): number {
    const others = Math.max(1, this.#deps.others());
    const isNew = this.#all > 0 ? Math.max(0, 1 - (own * others) / this.#all) : 0;
    return (isNew * (this.#known.get(nameOf(file)) ?? 0)) / others;
  }

  /** This host was asked for a file. */
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

/** Of one content: a file that was replaced is another one. */
function nameOf({ fingerprint: { size, mtimeNs }, ...source }: Wanted): string {
  return createHash('sha256')
    .update(`${sourceDigestOf(source)}\n${size}\n${mtimeNs}`)
    .digest('base64url')
    .slice(0, 22);
}
