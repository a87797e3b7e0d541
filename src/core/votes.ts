/**
 * How wanted a file is: a decayed count of wishes, with a half-life of four days. Uses within ten minutes of the last counted one
 * are the same wish, so that a burst of runs does not look like a month of work.
 */
export interface Votes {
  /** The count at `votedAt`. */
  votes: number;
  /** Wall-clock ms of the last wish that counted; null = never. */
  votedAt: number | null;
}

export const noVotes: Readonly<Votes> = { votes: 0, votedAt: null };

/** Half-life of a count of wishes. */
export const halfLifeMs = 4 * 24 * 3600 * 1000;
const windowMs = 10 * 60 * 1000;

/** The count decayed until `now`. A clock that was set back does not make it grow. */
export function votesAt({ votes, votedAt }: Votes, now: number): number {
  return votedAt === null ? 0 : votes * 2 ** (-Math.max(0, now - votedAt) / halfLifeMs);
}

/** Votes after a use at `now`. */
export function withUse(before: Votes, now: number): Votes {
  const { votedAt } = before;
  // A vote far ahead comes from a wrong clock.
  if (votedAt !== null && Math.abs(now - votedAt) < windowMs) return before;
  return { votes: votesAt(before, now) + 1, votedAt: now };
}

/** The lasting order of no wishes. */
export const noOrder = Number.NEGATIVE_INFINITY;

/** Orders files by their counts at any time, since all counts fade alike. */
export function lastingOrder({ votes, votedAt }: Votes): number {
  return votedAt === null ? noOrder : Math.log2(votes) + votedAt / halfLifeMs;
}

/** The count that has this lasting order, decayed until `now`, wall-clock ms. */
export function countAt(order: number, now: number): number {
  return 2 ** (order - now / halfLifeMs);
}

/** The lasting order of two counts together. */
export function lastingSum(one: number, other: number): number {
  const [more, less] = one > other ? [one, other] : [other, one];
  return less === noOrder ? more : more + Math.log2(1 + 2 ** (less - more));
}
