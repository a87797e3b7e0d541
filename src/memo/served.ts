import { Latency } from '../runtime/latency.ts';

/** Where a result was found: in memory, on the disk, or with another asker's computation. */
export type Layer = 'ram' | 'disk' | 'computation';

/** How questions were answered since the start. Nothing of it is kept on the disk. */
export class Served {
  /** Of `get`, by what it found. */
  readonly latency = { hit: new Latency(), miss: new Latency() };
  readonly #hits = new Map<string, Map<Layer, number>>();

  hit(ns: string, layer: Layer): void {
    let layers = this.#hits.get(ns);
    if (!layers) {
      layers = new Map();
      this.#hits.set(ns, layers);
    }
    layers.set(layer, (layers.get(layer) ?? 0) + 1);
  }

  /** By namespace and layer. */
  *hits(): Iterable<[{ ns: string; layer: Layer }, number]> {
    for (const [ns, layers] of this.#hits) for (const [layer, count] of layers) yield [{ ns, layer }, count];
  }
}
