import { type CacheError, isRetryable } from '../core/errors.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import { tierTraits } from '../core/tier-traits.ts';
import type { Copy, Fingerprint, Medium, Mode, Purpose, Reason, SourceState, TierState } from '../core/types.ts';
import type { FilteredFile, Filters } from './filters.ts';

/** All facts of a decision. `lookup.ts` gathers them, so that deciding is pure. */
export interface Facts {
  mode: Mode;
  purpose: Purpose;
  /** The asker depends on the place of the file. */
  wantsOwnPath?: boolean;
  file: FilteredFile;
  medium: Medium;
  /** The file is only on a remote: without a copy, no program can open it. */
  isRemote?: boolean;
  /** Whether a failed copy is tried again at once. */
  retries?: boolean;
  source: SourceState;
  /** The copy to serve, if there is one; its seal has been checked. */
  copy: Copy | null;
  /** The compressed copy, if there is one: a copy can be made of it without the source. */
  cold: Copy | null;
  /** The last fingerprint of the source in the farm, if other hosts may have its content: asked without copy and source. */
  others?: Fingerprint | null;
  /** Some companions have no copies yet. */
  incomplete?: boolean;
  job: 'queued' | 'running' | null;
  /** Why a recent copy of it failed. */
  failure: CacheError | null;
  filters: Filters;
  /** Whether the tier can take a copy; asked when there is none to serve. Default: `here`. */
  cacheState?: TierState;
  /** Limit of the tier, bytes. */
  limit: number;
}

export interface Decision {
  serve: 'copy' | 'source';
  reason: Reason;
  /** Request a copy of the present source; with the source away, of its compressed copy. */
  request?: Fingerprint;
  /** There are copies of an older source, which must not be served again. */
  retire?: boolean;
}

/** Where the program should open the file, and whether to request a copy. The order of the checks is the order of the law. */
export function decide(facts: Facts): Decision {
  const { mode, purpose, copy, source, file, filters } = facts;
  if (mode === 'off') return fromSource('OFF');
  if (purpose === 'scan') return fromSource('BYPASS_SCAN');
  if (filters.excluded(file) || (facts.wantsOwnPath && !facts.isRemote)) return fromSource('BYPASS_EXCLUDED');
  // The folder exists and the file does not: the user has deleted it, and no copy brings it back.
  if (source.state === 'missing') return fromSource('SOURCE_MISSING');
  if (source.state === 'slow') return copy ? fromCopy(hitOf(copy)) : decideSlow(facts);
  if (source.state !== 'present') return copy ? fromCopy('HIT_OFFLINE') : decideRestore(facts, source.state);

  const { fingerprint } = source;
  if (copy && isSameFingerprint(copy.source, fingerprint)) {
    if (!facts.incomplete || purpose !== 'load') return fromCopy(hitOf(copy));
    return mode === 'read-only' ? fromSource('READ_ONLY') : { ...fromSource('COPYING'), request: fingerprint };
  }
  const miss = decideMiss(facts, fingerprint);
  const outdated = [copy, facts.cold].some((old) => old !== null && !isSameFingerprint(old.source, fingerprint));
  if (!outdated) return miss;
  // The source was replaced: its old copy is never served again, even if the new one fails.
  return { ...miss, retire: true, reason: miss.request ? 'STALE' : miss.reason };
}

/** The source is out of reach: the compressed copy, or one of another host, is the only way to the file. */
function decideRestore(facts: Facts, state: 'away' | 'denied'): Decision {
  const { purpose, cold, others, job, failure } = facts;
  const wanted = cold?.source ?? others;
  const outOfReach = fromSource(state === 'denied' ? 'NOT_PERMITTED' : 'SOURCE_AWAY');
  if (!wanted || purpose !== 'load') return outOfReach;
  const barred = whyNoCopy(facts);
  if (barred) return fromSource(barred);
  if (job) return { ...fromSource(job === 'running' ? 'COPYING' : 'QUEUED'), request: wanted };
  // No other host had it.
  if (failure?.code === 'SOURCE_AWAY') return outOfReach;
  if (failure) return fromSource(reasonOf(failure));
  return { ...fromSource('QUEUED'), request: wanted };
}

/** Whether to request a copy is decided once the source has answered; this client does not wait for that. */
function decideSlow(facts: Facts): Decision {
  const { purpose, job, failure } = facts;
  if (purpose === 'metadata') return fromSource('BYPASS_SCAN');
  const barred = whyNoCopy(facts);
  if (barred) return fromSource(barred);
  if (job) return fromSource(job === 'running' ? 'COPYING' : 'QUEUED');
  return fromSource(failure ? reasonOf(failure) : 'WAIT_TIMEOUT');
}

function decideMiss(facts: Facts, fingerprint: Fingerprint): Decision {
  const { purpose, medium, file, filters, job, failure, limit } = facts;
  if (purpose === 'metadata') return fromSource('BYPASS_SCAN');
  if (medium === 'ssd') return fromSource('BYPASS_FAST_SOURCE');
  // The limit is not known then.
  if (facts.cacheState === 'away') return fromSource('OFF');
  if (!facts.isRemote && filters.tooSmall(file.category, fingerprint.size)) return fromSource('BYPASS_SMALL');
  if (filters.tooLarge(file.category, fingerprint.size, limit)) return fromSource('BYPASS_LARGE');
  const barred = whyNoCopy(facts);
  if (barred) return fromSource(barred);
  if (job) return { ...fromSource(job === 'running' ? 'COPYING' : 'QUEUED'), request: fingerprint };
  if (failure && !(facts.retries && isRetryable(failure.code))) return fromSource(reasonOf(failure));
  return { ...fromSource('QUEUED'), request: fingerprint };
}

/** Why no copy of any file may be made; null when one may. */
function whyNoCopy({ mode, cacheState = 'here' }: Facts): Reason | null {
  if (cacheState === 'away') return 'OFF';
  return mode === 'read-only' || cacheState === 'read-only' ? 'READ_ONLY' : null;
}

function reasonOf(failure: CacheError): Reason {
  if (failure.code === 'NO_SPACE') return 'NO_SPACE';
  if (failure.code === 'TOO_LARGE') return 'BYPASS_LARGE';
  if (failure.code === 'NOT_ADMITTED') return 'NOT_ADMITTED';
  if (failure.code === 'IN_USE') return 'BYPASS_EXCLUDED';
  if (failure.code === 'CACHE_AWAY') return 'OFF';
  if (failure.code === 'NOT_PERMITTED') return 'NOT_PERMITTED';
  return 'ERROR';
}

function fromSource(reason: Reason): Decision {
  return { serve: 'source', reason };
}

function hitOf({ tier }: Copy): Reason {
  return tierTraits[tier].volatile ? 'HIT_RAM' : 'HIT';
}

function fromCopy(reason: Reason): Decision {
  return { serve: 'copy', reason };
}
