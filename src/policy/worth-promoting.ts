import type { Candidate, Policy } from './policy.ts';

interface TierSpace {
  /** Bytes that a copy may take without displacing another one; negative when the place is overfull. */
  room: number;
  /** The copies that could leave for it. */
  residents: readonly Candidate[];
}

/**
 * Whether a copy that was just used belongs in a faster and smaller place. Judged by its worth before this use: by last use every
 * file would be the most recent, and files used in turns would displace each other without end. A file without earlier uses waits for
 * its second use. Pure.
 * @param before the file before this use  @param tick logical time
 */
export function isWorthPromoting(before: Candidate, { room, residents }: TierSpace, policy: Policy, tick: number): boolean {
  if (before.entry.uses === 0) return false;
  const leaving: Candidate[] = [];
  let free = room;
  const worth = (candidate: Candidate) => policy.score(candidate, tick);
  for (const resident of [...residents].sort((a, b) => worth(a) - worth(b))) {
    if (free >= before.bytes) break;
    leaving.push(resident);
    free += resident.bytes;
  }
  if (free < before.bytes) return false;
  return leaving.every((resident) => worth(resident) < worth(before)) && policy.admit(before, leaving, tick);
}
