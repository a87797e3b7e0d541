import type { Candidate, Policy } from './policy.ts';

interface TierSpace {
  /** Bytes that a copy may take without another one leaving; negative when too much is taken already. */
  room: number;
  /** What could leave for it. */
  residents: readonly Candidate[];
}

/**
 * Whether a copy that was just used belongs in a faster and smaller place. It is judged by what it was worth before this use: by its
 * last use every file is the most recent of all, and files used in turns would push each other out for ever. A file that was
 * never used before waits for its second use. Pure.
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
