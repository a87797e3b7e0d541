import type { Catalog } from '../catalog/catalog.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import type { Copy, Entry, SourceState } from '../core/types.ts';
import type { Log } from '../runtime/log.ts';
import type { Tiers } from '../tiers/tiers.ts';
import type { Examination, Planner, UsableCopies } from './collaborators.ts';

export interface CopiesDeps {
  catalog: Catalog;
  tiers: Tiers;
  planner: Pick<Planner, 'isComplete'>;
  evictor: { evict(copy: Copy, entry: Entry, why: 'damaged'): Promise<unknown> };
  log: Log;
}

/** The copies that lookups choose from: one indexed read, and one stat of each copy that may be handed out. */
export class Copies {
  readonly #deps: CopiesDeps;

  constructor(deps: CopiesDeps) {
    this.#deps = deps;
  }

  /**
   * The fastest copy that can be served, and the compressed one, if their seals hold. A copy of the source as it is, with the files
   * that loaders open beside it, comes before all others.
   */
  usable(path: string, source?: SourceState): UsableCopies {
    const { catalog, tiers, planner } = this.#deps;
    const found = catalog.find(path);
    if (!found) return { entry: undefined, copy: null, cold: null, damaged: null };
    const { entry, ready, cold } = found;
    let damaged: UsableCopies['damaged'] = null;
    const holds = (copy: Copy) => {
      const verdict = tiers.check(copy);
      if (verdict === 'gone' || verdict === 'changed') damaged = { copy, verdict };
      return verdict === 'ok';
    };
    const sound = ready.filter(holds);
    const isCurrent = (copy: Copy) => source?.state !== 'present' || isSameFingerprint(copy.source, source.fingerprint);
    const best = sound.length > 1 ? sound.find((copy) => isCurrent(copy) && planner.isComplete(path, copy.tier)) : undefined;
    return { entry, copy: best ?? sound[0] ?? null, cold: cold && holds(cold) ? cold : null, damaged };
  }

  /** Takes out of service, after the answer, the copies that were found damaged or of another source than there is. Never throws. */
  takeOutOfService({ entry, source, copy, cold, damaged, decision }: Examination): void {
    const { catalog, evictor } = this.#deps;
    if (damaged && entry) this.#afterwards(() => evictor.evict(damaged.copy, entry, 'damaged'));
    for (const old of [copy, cold]) {
      if (!decision.retire || !old || source.state !== 'present') continue;
      if (!isSameFingerprint(old.source, source.fingerprint)) this.#afterwards(() => catalog.copies.retire(old.id));
    }
  }

  /** Writes are left to the next turn of the loop. */
  #afterwards(work: () => unknown): void {
    setImmediate(async () => {
      try {
        await work();
      } catch (err) {
        this.#deps.log.error({ err }, 'a copy could not be taken out of service');
      }
    });
  }
}
