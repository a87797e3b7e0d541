import type { MemoLayer } from '../api/memo.ts';
import { Latency } from '../runtime/latency.ts';

/** Counts of answers since the start, in memory only. */
export class Served {
  /** Latency of `get`, by outcome. */
  readonly latency = { hit: new Latency(), miss: new Latency() };
  readonly #hits = new Map<string, Map<MemoLayer, number>>();

  hit(ns: string, layer: MemoLayer): void {
    let layers = this.#hits.get(ns);
    if (!layers) {
      layers = new Map();
      this.#hits.set(ns, layers);
    }
    layers.set(layer, (layers.get(layer) ?? 0) + 1);
  }

  /** Hits by namespace and layer. */
  *hits(): Iterable<[{ ns: string; layer: MemoLayer }, number]> {
    for (const [ns, layers] of this.#hits) for (const [layer, count] of layers) yield [{ ns, layer }, count];
  }

  /** Hits by layer. */
  totals(): Record<MemoLayer, number> {
    const totals = { ram: 0, disk: 0, redis: 0, computation: 0 };
    for (const [{ layer }, count] of this.hits()) totals[layer] += count;
    return totals;
  }
}
