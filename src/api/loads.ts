/** What misses would have cost with a cache of this size. */
interface MissPoint {
  /** Bytes. */
  bytes: number;
  /** Seconds that loads took longer than from a copy. */
  seconds: number;
  misses: number;
}

/** Answer of `GET /api/loads/misses`: the user's own miss curve, by replaying the recorded loads. */
export interface MissesAnswer {
  /** When the counted time begins, and when the trace of `GET /api/loads/trace` does; ISO. */
  since: string;
  start: string | null;
  /** Recorded loads of the counted time, and bytes of all files that were loaded ever. */
  loads: number;
  footprint: number;
  /** The limit in force, bytes, and the policy. */
  limit: number;
  policy: string;
  /** By size; one of them has the limit. Empty without loads. */
  points: MissPoint[];
  /** The larger limit that is worth most for its bytes: what it has more, and saves; null when none saves a tenth. */
  more: { bytes: number; seconds: number } | null;
  /** Share of the files that were replayed. */
  sampled: number;
}
