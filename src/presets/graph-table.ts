import type { GraphFigures, GraphsAnswer } from '../api/presets.ts';
import { parseForPrinting } from '../core/json.ts';
import type { GraphRows } from '../memo/graph-rows.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Compiled } from './preset.ts';

export interface GraphTableDeps {
  /** The rows, while a store for them exists. */
  memo: { withGraphs<T>(use: (rows: GraphRows) => T, options?: { create?: boolean; orThrow?: boolean }): T | null };
  clock: Pick<Clock, 'now'>;
  /** Maximum number of graphs. */
  size(): number;
  isMemoryShort(): Promise<boolean>;
}

/** Idle time after which a graph is removed, ms. */
const ttlMs = 30 * 86_400_000;

/** Compiled graphs by their key, over restarts; the least recently used leaves first. While memory is short, half as many stay. */
export class GraphTable {
  readonly #deps: GraphTableDeps;
  #hits = 0;
  #misses = 0;

  constructor(deps: GraphTableDeps) {
    this.#deps = deps;
  }

  /** The graph of a key; counts as a use. */
  find(key: string): Compiled | null {
    const row = this.#deps.memo.withGraphs((rows) => {
      const found = rows.find(key);
      if (!found || found.expiresAt <= this.#deps.clock.now()) return null;
      rows.used(key, this.#deps.clock.now() + ttlMs);
      return found;
    });
    if (row) this.#hits += 1;
    else this.#misses += 1;
    return row && { prompt: parseForPrinting(row.prompt) as Compiled['prompt'], models: JSON.parse(row.models) };
  }

  /** Whether the table has a graph of this key; counts no use. */
  has(key: string): boolean {
    return this.#deps.memo.withGraphs((rows) => rows.find(key) !== undefined) ?? false;
  }

  async keep(key: string, { preset, config, compiled }: { preset: string; config: string; compiled: Compiled }): Promise<void> {
    const most = await this.#most();
    if (most === 0) return;
    const createdAt = this.#deps.clock.now();
    const texts = { prompt: JSON.stringify(compiled.prompt), models: JSON.stringify(compiled.models) };
    const put = (rows: GraphRows) => {
      rows.put({ key, preset, config, ...texts, createdAt, expiresAt: createdAt + ttlMs });
      rows.trim(most, createdAt);
    };
    this.#deps.memo.withGraphs(put, { create: true });
  }

  /** To be called when its size has changed. */
  async trim(): Promise<void> {
    const most = await this.#most();
    this.#deps.memo.withGraphs((rows) => rows.trim(most, this.#deps.clock.now()));
  }

  /** @returns the number of removed graphs @throws CacheError BUSY while another program holds the file locked */
  clear(): number {
    return this.#deps.memo.withGraphs((rows) => rows.trim(0, this.#deps.clock.now()), { orThrow: true }) ?? 0;
  }

  figures(): GraphFigures {
    const [hits, misses] = [this.#hits, this.#misses];
    const items = this.#deps.memo.withGraphs((rows) => rows.count) ?? 0;
    const hitRate = hits + misses === 0 ? null : hits / (hits + misses);
    return { items, max: this.#deps.size(), hits, misses, hitRate };
  }

  view(): GraphsAnswer {
    const rows = this.#deps.memo.withGraphs((all) => all.all()) ?? [];
    const graphs = rows.map(({ prompt: _, models: __, config, ...row }) => ({ ...row, config: parseForPrinting(config) }));
    return { ...this.figures(), graphs };
  }

  async #most(): Promise<number> {
    const size = this.#deps.size();
    return (await this.#deps.isMemoryShort()) ? Math.floor(size / 2) : size;
  }
}
