import type { ClientInfo, LookupRequest } from '../api/api.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Copy } from '../core/types.ts';
import type { Examination, Leases, Planner, Speeds } from './collaborators.ts';
import { isHit, isMiss } from './stats.ts';

export interface LoadUsageDeps {
  usage: Pick<Catalog['usage'], 'add' | 'used'>;
  leases: Leases;
  speeds: Pick<Speeds, 'secondsSaved'>;
  planner: Pick<Planner, 'handedOut'>;
  /** Sees every answered load. */
  learned: { observe(load: LookupRequest): void };
}

/** Records loads: counts, uses and leases. All of it is gathered in memory; nothing is written before the answer. */
export class LoadUsage {
  readonly #deps: LoadUsageDeps;

  constructor(deps: LoadUsageDeps) {
    this.#deps = deps;
  }

  /** Counts a hit or a miss, and a use of the file. */
  count({ located, source, copy, cold, decision }: Examination): void {
    const { usage, speeds } = this.#deps;
    const fingerprint = source.state === 'present' ? source.fingerprint : (copy ?? cold)?.source;
    if (!fingerprint) return;
    const { size } = fingerprint;
    if (isHit(decision.reason) && copy) {
      usage.add({ hits: 1, hitBytes: size, secondsSaved: speeds.secondsSaved(located, copy.tier, size) });
    } else if (isMiss(decision.reason)) usage.add({ misses: 1, missBytes: size });
    else return;
    const { path, root, rel, category } = located;
    usage.used({ path, root, rel, category, fingerprint });
  }

  /** Leases a served copy and its companions. @returns how long its path stays valid, ms */
  lease({ located }: Examination, copy: Copy, client: ClientInfo | null): number {
    const { leases, planner } = this.#deps;
    const leaseMs = leases.grant(copy.path, client);
    planner.handedOut(located.path, copy.tier, (beside) => leases.grant(beside, client));
    return leaseMs;
  }

  /** To be called when a load was answered: it may teach which inputs name models. */
  answered(request: LookupRequest): void {
    this.#deps.learned.observe(request);
  }
}
