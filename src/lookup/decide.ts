import type { CacheError } from '../core/errors.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import { tierTraits } from '../core/tier-traits.ts';
import type { Copy, Fingerprint, Medium, Mode, Purpose, Reason, SourceState } from '../core/types.ts';
import type { FilteredFile, Filters } from './filters.ts';

/** All that a decision rests on; gathered by `lookup.ts`, so that deciding is pure. */
export interface Facts {
  mode: Mode;
  purpose: Purpose;
  file: FilteredFile;
  medium: Medium;
  source: SourceState;
  /** The copy to serve, if there is one; its seal has been checked. */
  copy: Copy | null;
  /** The compressed copy, if there is one: it cannot be served, but a copy can be made of it without the source. */
  cold: Copy | null;
  /** Files that loaders open beside it have no copies yet. */
  incomplete?: boolean;
  job: 'queued' | 'running' | null;
  /** Why a copy of it failed a moment ago. */
  failure: CacheError | null;
  filters: Filters;
  /** Limit of the tier, bytes. */
  limit: number;
}

export interface Decision {
  serve: 'copy' | 'source';
  reason: Reason;
  /** Ask for a copy of the source as it is now; with the source away, as its compressed copy has it. */
  request?: Fingerprint;
  /** There are copies of an older source, which must not be served again. */
  retire?: boolean;
}

/** Where the asker should open the file, and whether a copy is wanted. The order of the questions is the order of the law. */
export function decide(facts: Facts): Decision {
  const { mode, purpose, copy, source, file, filters } = facts;
  if (mode === 'off') return fromSource('OFF');
  if (purpose === 'scan') return fromSource('BYPASS_SCAN');
  if (filters.excluded(file)) return fromSource('BYPASS_EXCLUDED');
  if (source.state !== 'present') return copy ? fromCopy('HIT_OFFLINE') : decideRestore(facts);

  const { fingerprint } = source;
  if (copy && isSameFingerprint(copy.source, fingerprint)) {
    if (!facts.incomplete || purpose !== 'load') return fromCopy(tierTraits[copy.tier].volatile ? 'HIT_RAM' : 'HIT');
    return mode === 'read-only' ? fromSource('READ_ONLY') : { ...fromSource('COPYING'), request: fingerprint };
  }
  const miss = decideMiss(facts, fingerprint);
  const outdated = [copy, facts.cold].some((old) => old !== null && !isSameFingerprint(old.source, fingerprint));
  if (!outdated) return miss;
  // The source was replaced: its old copy is never served again, whatever becomes of the new one.
  return { ...miss, retire: true, reason: miss.request ? 'STALE' : miss.reason };
}

/** The source does not answer: what is compressed is the only way to the file. */
function decideRestore({ purpose, mode, cold, job, failure }: Facts): Decision {
  if (!cold || purpose !== 'load') return fromSource('SOURCE_MISSING');
  if (mode === 'read-only') return fromSource('READ_ONLY');
  if (job) return { ...fromSource(job === 'running' ? 'COPYING' : 'QUEUED'), request: cold.source };
  if (failure) return fromSource(reasonOf(failure));
  return { ...fromSource('QUEUED'), request: cold.source };
}

function decideMiss(facts: Facts, fingerprint: Fingerprint): Decision {
  const { purpose, medium, file, filters, mode, job, failure, limit } = facts;
  if (purpose === 'metadata') return fromSource('BYPASS_SCAN');
  if (medium === 'ssd') return fromSource('BYPASS_FAST_SOURCE');
  if (filters.tooSmall(file.category, fingerprint.size)) return fromSource('BYPASS_SMALL');
  if (filters.tooLarge(file.category, fingerprint.size, limit)) return fromSource('BYPASS_LARGE');
  if (mode === 'read-only') return fromSource('READ_ONLY');
  if (job) return { ...fromSource(job === 'running' ? 'COPYING' : 'QUEUED'), request: fingerprint };
  if (failure) return fromSource(reasonOf(failure));
  return { ...fromSource('QUEUED'), request: fingerprint };
}

function reasonOf(failure: CacheError): Reason {
  if (failure.code === 'NO_SPACE') return 'NO_SPACE';
  if (failure.code === 'TOO_LARGE') return 'BYPASS_LARGE';
  if (failure.code === 'NOT_ADMITTED') return 'NOT_ADMITTED';
  if (failure.code === 'IN_USE') return 'BYPASS_EXCLUDED';
  return 'ERROR';
}

function fromSource(reason: Reason): Decision {
  return { serve: 'source', reason };
}

function fromCopy(reason: Reason): Decision {
  return { serve: 'copy', reason };
}
