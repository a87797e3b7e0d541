import type { LookupRequest } from '../api/api.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Copy } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Examination, HandedOut, Leases, Located, Planner, Sources, Speeds } from './collaborators.ts';
import { isHit, isMiss } from './stats.ts';

export interface LoadUsageDeps {
  usage: Pick<Catalog['usage'], 'add' | 'used' | 'tiers'>;
  loads: Pick<Catalog['loads'], 'note'>;
  leases: Leases;
  handedOut: HandedOut;
  speeds: Pick<Speeds, 'secondsSaved' | 'of' | 'ofTier'>;
  planner: Pick<Planner, 'handedOut'>;
  sources: Pick<Sources, 'nameOf'>;
  /** Told of every answered load, with the file as ComfyUI would name it. */
  learned: { observe(load: Pick<LookupRequest, 'client'>, file: { category: string; name: string } | null): void };
  /** Told which prompt runs, and the files that it has loaded. */
  queued: { beginNext(promptId: string, now: number): void; loaded(path: string): void };
  clock: Pick<Clock, 'now'>;
}

/** Records loads: counts, uses and leases. All of it is gathered in memory; nothing is written before the answer. */
export class LoadUsage {
  readonly #deps: LoadUsageDeps;

  constructor(deps: LoadUsageDeps) {
    this.#deps = deps;
  }

  /** Records a load; a hit or a miss counts, and so does the use of the file. */
  count({ client }: LookupRequest, examination: Examination): void {
    const { usage, speeds } = this.#deps;
    const { located, source, copy, cold, decision } = examination;
    const fingerprint = source.state === 'present' ? source.fingerprint : ((copy ?? cold)?.source ?? decision.request);
    if (!fingerprint) return;
    const { size } = fingerprint;
    this.#record(client, examination, size);
    if (isHit(decision.reason) && copy) {
      usage.add({ hits: 1, hitBytes: size, secondsSaved: speeds.secondsSaved(located, copy.tier, size) });
      usage.tiers.add(copy.tier, located.path, { hits: 1 });
    } else if (isMiss(decision.reason)) usage.add({ misses: 1, missBytes: size });
    else return;
    const { path, root, rel, category } = located;
    usage.used({ path, root, rel, category, fingerprint });
  }

  #record(client: LookupRequest['client'], { located, copy, decision }: Examination, size: number): void {
    const { loads, speeds, clock } = this.#deps;
    const { path, category, root, medium } = located;
    const { serve, reason } = decision;
    const sourceSpeed = speeds.of(root, medium);
    const tier = serve === 'copy' && copy ? copy.tier : null;
    const seconds = size / (tier === null ? sourceSpeed : speeds.ofTier(tier));
    const { prompt = null, nodeClass = null } = client ?? {};
    loads.note({ at: clock.now(), path, category, size, medium, sourceSpeed, tier, reason, seconds, prompt, nodeClass });
  }

  /**
   * To be called when a copy is served. For a load it leases the copy and its companions; each of these paths stays openable while
   * the client runs. @returns the time for which the copy itself stays there, ms
   */
  handOut({ located }: Examination, copy: Copy, { client, purpose }: LookupRequest): number {
    const { leases, handedOut, planner } = this.#deps;
    handedOut.note(copy.path, located.path, client);
    if (purpose !== 'load') return 0;
    const leaseMs = leases.grant(copy.path, client);
    planner.handedOut(located.path, copy.tier, (beside) => {
      if (beside.needed) leases.grant(beside.path, client);
      handedOut.note(beside.path, beside.source, client);
    });
    return leaseMs;
  }

  /** To be called when a load was answered: those of nodes teach which inputs mean which files. @param located null when there is no such file */
  answered({ client, category, name }: LookupRequest, located: Located | null): void {
    if (!located) return;
    const { learned, sources, queued, clock } = this.#deps;
    if (client?.prompt !== undefined) queued.beginNext(client.prompt, clock.now());
    queued.loaded(located.path);
    if (!client?.node) return;
    learned.observe({ client }, category && name ? { category, name } : sources.nameOf(located.path));
  }
}
