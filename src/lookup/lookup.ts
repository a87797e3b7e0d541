import { freemem } from 'node:os';
import type { LookupAnswer, LookupRequest } from '../api/api.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import type { Copy, Priority, SourceState } from '../core/types.ts';
import { bounded } from '../runtime/deadline.ts';
import { decide } from './decide.ts';
import type { CopyInProgress, Examination, Located, LookupDeps, Patience } from './deps.ts';
import { isHit, isMiss } from './stats.ts';
import { isMapped, worthWaiting } from './worth-waiting.ts';

/** How fast a file is read that the page cache holds, bytes per second. */
const justWritten = 4e9;

interface Found {
  located: Located;
  source: SourceState;
}

type Usable = Pick<Examination, 'entry' | 'copy' | 'cold' | 'damaged'>;

/** Room one of a lookup: finds, lets `decide` judge, answers, and asks for a copy. Nothing here waits for a disk but for one stat. */
export class Lookup {
  readonly #deps: LookupDeps;

  constructor(deps: LookupDeps) {
    this.#deps = deps;
  }

  /** Never rejects: whatever goes wrong, the asker gets the path it would have used (law 5). */
  async answer(request: LookupRequest): Promise<LookupAnswer> {
    const { stats, clock, log } = this.#deps;
    const time = { start: clock.monotonic(), waited: 0 };
    let answer: LookupAnswer;
    // One file's story is told in one place, whichever alias or name it was asked for by.
    let path = request.path ?? request.name ?? '';
    try {
      const found = await this.#locate(request, 'loader');
      path = found?.located.path ?? path;
      answer = await this.#answer(request, found, time);
    } catch (error) {
      log.error({ err: error, path: request.path }, 'lookup failed; the asker gets its own path');
      setImmediate(() => this.#deps.onTrouble(error));
      answer = { path: request.path ?? request.name ?? '', tier: null, reason: 'ERROR', leaseMs: 0, entry: null, job: null };
    }
    if (isAskedAgain(request, answer.reason)) return answer;
    const app = request.client?.app ?? null;
    stats.record(
      { at: clock.now(), path, reason: answer.reason, purpose: request.purpose, app },
      clock.monotonic() - time.start - time.waited,
    );
    if (request.purpose === 'load') this.#deps.onLoad?.(request);
    log.debug({ path, reason: answer.reason, tier: answer.tier }, 'lookup');
    return answer;
  }

  /** Everything a lookup of this file rests on, or null when it lies below no known root. */
  async examine(request: LookupRequest): Promise<Examination | null> {
    const found = await this.#locate(request, 'command');
    return found && this.#examine(request, found.located, found.source);
  }

  async #answer(request: LookupRequest, found: Found | null, time: { waited: number }): Promise<LookupAnswer> {
    if (!found) return fromSource(request.path ?? request.name ?? '', null, 'BYPASS_UNKNOWN_ROOT');
    const examination = this.#examine(request, found.located, found.source);
    const waitMs = this.#waitMs(request, examination);
    const job = this.#request(request, examination, waitMs > 0 ? 'wait' : 'background');
    if (!job || waitMs <= 0) return this.#give(request, examination, job);
    const waitsFrom = this.#deps.clock.monotonic();
    await bounded(job.ended, Math.min(waitMs, request.sliceMs ?? waitMs));
    time.waited = this.#deps.clock.monotonic() - waitsFrom;
    return this.#giveAfterWait(request, this.#examine(request, found.located, found.source), job);
  }

  /** How long this asker waits for the copy: 0 when it does better to load from the source. */
  #waitMs(request: LookupRequest, { located, source, cold, decision }: Examination): number {
    const { onMiss, waitMaxMs, speeds, activeJob, bytesAhead, rateFor } = this.#deps;
    if (!decision.request || request.purpose !== 'load') return 0;
    const boundMs = Math.min(request.waitMs, waitMaxMs);
    // With the source away a restore is the only way.
    if (source.state !== 'present') return boundMs;
    if (onMiss === 'background') return 0;
    if (boundMs <= 0 || onMiss === 'wait') return boundMs;
    const { root, medium } = located;
    const restore = cold !== null && isSameFingerprint(cold.source, decision.request);
    const speed = restore ? speeds.ofTier('cold') : speeds.of(root, medium);
    const job = activeJob(located.path)?.view();
    const { size } = decision.request;
    const load = {
      size,
      left: size - (job?.bytesDone ?? 0),
      ahead: job?.state === 'running' ? 0 : bytesAhead(located, restore),
      sequential: Math.min(speed, rateFor(restore ? 'ssd' : medium) ?? Number.POSITIVE_INFINITY),
      smallReadMs: speeds.smallReadMs(root, medium),
      // What was just written is still in memory, unless there is too little of it.
      tier: size < freemem() / 2 ? justWritten : speeds.ofTier('ssd'),
      mapped: isMapped(located.path),
    };
    return worthWaiting(load, boundMs) ? boundMs : 0;
  }

  async #locate(request: LookupRequest, patience: Patience): Promise<Found | null> {
    const { locate, candidates, statSource } = this.#deps;
    if (request.path !== undefined) {
      const located = locate(request.path);
      return located && { located, source: askersStat(request) ?? (await statSource(located, patience)) };
    }
    const places = candidates(request.category ?? '', request.name ?? '');
    const states = await Promise.all(places.map((located) => statSource(located, patience)));
    const found = places.map((located, index) => ({ located, source: states[index] ?? ({ state: 'missing' } as const) }));
    const here = found.find(({ source }) => source.state === 'present');
    // With no source in sight, the name that has a copy is the one that is meant.
    const isKept = ({ copy, cold }: Usable) => copy !== null || cold !== null;
    return here ?? found.find(({ located }) => isKept(this.#usable(located.path))) ?? found[0] ?? null;
  }

  #examine(request: LookupRequest, located: Located, source: SourceState): Examination {
    const { mode, filters, limit, activeJob, recentFailure } = this.#deps;
    const { entry, copy, cold, damaged } = this.#usable(located.path, source);
    // A file has one category, whichever of its names it is asked for by.
    const file = { path: located.path, rel: located.rel, category: located.category ?? request.category ?? null };
    const state = activeJob(located.path)?.state;
    const decision = decide({
      mode: mode(),
      purpose: request.purpose,
      file,
      medium: located.medium,
      source,
      copy,
      cold,
      incomplete: copy !== null && !this.#deps.isComplete(located.path, copy.tier),
      job: state === 'queued' || state === 'running' ? state : null,
      failure: recentFailure(located.path) ?? null,
      filters,
      limit: limit(),
    });
    return { located: { ...located, category: file.category }, entry, source, copy, cold, damaged, decision };
  }

  /**
   * The fastest copy that can be served, and the compressed one, whose seals hold; one of the source as it is, with what loaders open
   * beside it, before all others.
   */
  #usable(path: string, source?: SourceState): Usable {
    const { catalog, tiers, isComplete } = this.#deps;
    const found = catalog.find(path);
    if (!found) return { entry: undefined, copy: null, cold: null, damaged: null };
    const { entry, ready, cold } = found;
    let damaged: Examination['damaged'] = null;
    const holds = (copy: Copy) => {
      const verdict = tiers.check(copy);
      if (verdict === 'gone' || verdict === 'changed') damaged = { copy, verdict };
      return verdict === 'ok';
    };
    const sound = ready.filter(holds);
    const isCurrent = (copy: Copy) => source?.state !== 'present' || isSameFingerprint(copy.source, source.fingerprint);
    const best = sound.length > 1 ? sound.find((copy) => isCurrent(copy) && isComplete(path, copy.tier)) : undefined;
    return { entry, copy: best ?? sound[0] ?? null, cold: cold && holds(cold) ? cold : null, damaged };
  }

  /** What follows from the decision, after the answer: writes are left to the next turn of the loop. */
  #request(
    request: LookupRequest,
    { located, entry, source, copy, cold, damaged, decision }: Examination,
    priority: Priority,
  ): CopyInProgress | null {
    const { catalog, onDamaged, requestCopy, activeJob } = this.#deps;
    if (damaged && entry) this.#afterwards(() => onDamaged(damaged.copy, entry, damaged.verdict));
    for (const old of [copy, cold]) {
      if (!decision.retire || !old || source.state !== 'present') continue;
      if (!isSameFingerprint(old.source, source.fingerprint)) this.#afterwards(() => catalog.copies.retire(old.id));
    }
    if (!decision.request || request.purpose !== 'load') return activeJob(located.path) ?? null;
    const { path, root, rel, category, medium } = located;
    const file = { path, root, rel, category, fingerprint: decision.request };
    return requestCopy({ file, priority, medium });
  }

  /** Nobody is there to catch what `work` throws. */
  #afterwards(work: () => void): void {
    setImmediate(() => {
      try {
        work();
      } catch (err) {
        this.#deps.log.error({ err }, 'a copy could not be taken out of service');
      }
    });
  }

  #give(request: LookupRequest, examination: Examination, job: CopyInProgress | null): LookupAnswer {
    const { located, entry, copy, decision } = examination;
    const { leases } = this.#deps;
    if (request.purpose === 'load' && !isAskedAgain(request, decision.reason)) this.#count(examination);
    if (decision.serve === 'copy' && copy) {
      const lease = (copyPath: string) => leases.grant(copyPath, request.client);
      const granted = request.purpose === 'load' ? lease(copy.path) : 0;
      if (request.purpose === 'load') this.#deps.onServed(located.path, copy.tier, lease);
      return {
        path: copy.path,
        tier: copy.tier,
        reason: decision.reason,
        leaseMs: granted,
        entry: entry?.id ?? null,
        job: null,
      };
    }
    const path = request.path ?? located.path;
    return { ...fromSource(path, located.medium, decision.reason), entry: entry?.id ?? null, job: job?.view() ?? null };
  }

  #giveAfterWait(request: LookupRequest, examination: Examination, job: CopyInProgress): LookupAnswer {
    const { decision } = examination;
    const open = job.state === 'queued' || job.state === 'running' || job.state === 'cancelled';
    const reason = decision.serve === 'copy' ? 'HIT_AFTER_WAIT' : open ? 'WAIT_TIMEOUT' : decision.reason;
    // The source changed under that copy: what is asked for now is another one.
    const next = open ? null : this.#request(request, examination, 'background');
    return this.#give(request, { ...examination, decision: { ...decision, reason } }, next ?? job);
  }

  #count({ located, source, copy, cold, decision }: Examination): void {
    const { catalog, secondsSaved } = this.#deps;
    const fingerprint = source.state === 'present' ? source.fingerprint : (copy ?? cold)?.source;
    if (!fingerprint) return;
    const { size } = fingerprint;
    if (isHit(decision.reason) && copy) {
      catalog.usage.add({ hits: 1, hitBytes: size, secondsSaved: secondsSaved(located, copy.tier, size) });
    } else if (isMiss(decision.reason)) catalog.usage.add({ misses: 1, missBytes: size });
    else return;
    const { path, root, rel, category } = located;
    catalog.usage.used({ path, root, rel, category, fingerprint });
  }
}

/** A wait in slices is one lookup: what it comes to in the end is what counts. */
function isAskedAgain({ sliceMs }: LookupRequest, reason: LookupAnswer['reason']): boolean {
  return sliceMs !== undefined && reason === 'WAIT_TIMEOUT';
}

function askersStat({ size, mtimeNs }: LookupRequest): SourceState | null {
  return size === undefined || mtimeNs === undefined ? null : { state: 'present', fingerprint: { size, mtimeNs, ino: null } };
}

function fromSource(path: string, tier: LookupAnswer['tier'], reason: LookupAnswer['reason']): LookupAnswer {
  return { path, tier, reason, leaseMs: 0, entry: null, job: null };
}
