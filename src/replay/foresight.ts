import { type Candidate, type Policy, risingWith } from '../policy/policy.ts';
import type { Read } from './trace.ts';

/**
 * Belady's rule, which knows the future. The file whose next read is last leaves first, and a file is not copied if its next read
 * is later than those of the files it would displace. Policies without knowledge of the future cannot be much better. With files of
 * different sizes it is a reference, not an exact bound.
 * @param host the reads of the cache's host
 */
export function foresight(host: readonly Read[]): Policy {
  const nextRead = nextReads(host);
  // Lookups count the reads of the host, so the logical time is the index of the read, from 1 on.
  const next = ({ entry }: Candidate) => nextRead[entry.lastUse - 1] ?? Number.MAX_SAFE_INTEGER;
  return {
    name: 'foresight',
    score: (candidate) => -next(candidate),
    order: risingWith(
      (candidate) => [-next(candidate)],
      () => (keys, from) => keys[from] ?? 0,
    ),
    admit: (incoming, victims) => victims.every((victim) => next(incoming) < next(victim)),
  };
}

/** For each read, the index of the next one of the same file. */
function nextReads(reads: readonly Read[]): number[] {
  const seen = new Map<string, number>();
  const next: number[] = [];
  for (let k = reads.length - 1; k >= 0; k--) {
    const { file } = reads[k] as Read;
    next[k] = seen.get(file) ?? Number.MAX_SAFE_INTEGER;
    seen.set(file, k);
  }
  return next;
}
