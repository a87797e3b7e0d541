import type { Catalog } from '../catalog/catalog.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import type { Copy, Entry, SourceState } from '../core/types.ts';
import type { Log } from '../runtime/log.ts';
import type { Tiers } from '../tiers/tiers.ts';
import type { Examination, Located, Planner, UsableCopies } from './collaborators.ts';

export interface CopiesDeps {
  catalog: Catalog;
  tiers: Tiers;
  /** `unaccounted`: sound copies that are not yet in the catalog. */
  accounts: { readonly complete: boolean; unaccounted(of: Located): Copy[] };
  planner: Pick<Planner, 'isComplete'>;
  evictor: { evict(copy: Copy, entry: Entry, why: 'damaged'): Promise<unknown> };
  log: Log;
}

/** The copies that lookups choose from: one indexed read, and one stat of each servable copy. */
export class Copies {
  readonly #deps: CopiesDeps;

  constructor(deps: CopiesDeps) {
    this.#deps = deps;
  }

  /** The last known ctime of a source, ns; undefined when none is known. */
  changedAt(path: string): string | undefined {
    return this.#deps.catalog.find(path)?.entry.fingerprint.ctimeNs;
  }

  /**
   * The fastest servable copy, and the compressed one, if their seals hold. A copy of the present source, complete with its
   * companions, comes before all others.
   */
  usable(located: Located, source?: SourceState): UsableCopies {
    const { catalog, tiers, accounts, planner } = this.#deps;
    const { entry, ready = [], cold } = catalog.find(located.path) ?? {};
    const checked = [...ready, ...(cold ? [cold] : [])].map((copy) => ({ copy, verdict: tiers.check(copy) }));
    const sound = checked.flatMap(({ copy, verdict }) => (verdict === 'ok' ? [copy] : []));
    if (!sound.some(isPlain)) sound.push(...accounts.unaccounted(located));
    const damaged = checked.flatMap(({ copy, verdict }) => {
      const isReplaced = sound.some(({ path }) => path === copy.path);
      return (verdict === 'gone' || verdict === 'changed') && !isReplaced ? [{ copy, verdict }] : [];
    });
    const plain = sound.filter(isPlain);
    const isCurrent = (copy: Copy) => source?.state !== 'present' || isSameFingerprint(copy.source, source.fingerprint);
    const isBest = (copy: Copy) => isCurrent(copy) && planner.isComplete(located.path, copy.tier);
    return {
      entry,
      copy: (plain.length > 1 ? plain.find(isBest) : undefined) ?? plain[0] ?? null,
      cold: sound.find((copy) => !isPlain(copy)) ?? null,
      damaged: damaged.at(-1) ?? null,
    };
  }

  /** After the answer, takes damaged and outdated copies out of service. Never throws. */
  takeOutOfService({ entry, source, copy, cold, damaged, decision }: Examination): void {
    const { catalog, evictor, accounts } = this.#deps;
    // Until then its seal proves nothing: a disk may have numbered its files anew, and they are compared with their hashes.
    if (damaged && entry && accounts.complete) this.#afterwards(() => evictor.evict(damaged.copy, entry, 'damaged'));
    for (const old of [copy, cold]) {
      if (!decision.retire || !old || source.state !== 'present') continue;
      if (!isSameFingerprint(old.source, source.fingerprint)) this.#afterwards(() => catalog.copies.retire(old.id));
    }
  }

  /** Leaves writes to the next turn of the loop. */
  #afterwards(work: () => unknown): void {
    setImmediate(async () => {
      try {
        await this.#deps.catalog.writable();
        await work();
      } catch (err) {
        this.#deps.log.error({ err }, 'a copy could not be taken out of service');
      }
    });
  }
}

function isPlain({ form }: Copy): boolean {
  return form === 'plain';
}
