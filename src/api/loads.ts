/** What misses would have cost with a cache of this size. */
interface MissPoint {
  /** Bytes. */
  bytes: number;
  /** Seconds that loads took longer than from a copy. */
  seconds: number;
  misses: number;
}

/** Whether it pays to keep the least valuable copies compressed (`AUTOCACHE_COMPRESS=cold`), by replaying the recorded loads. */
export interface ColdAdvice {
  /** Whether it is done at present. */
  isOn: boolean;
  /** Seconds that the loads of the counted time take less with it than without; below 0 = more. */
  saves: number;
  /** Loads that restore a compressed copy, and bytes that are written to the SSD more than without; below 0 = fewer. */
  restores: number;
  written: number;
  /** Bytes per second of a restore, and whether that is what restores took here. */
  restoreSpeed: number;
  measured: boolean;
  /** Size of the models over that of their compressed copies. */
  ratio: number;
  /** The value of the setting that would be better; null when the difference is small. */
  change: 'cold' | 'off' | null;
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
  /** Null without loads, and while nothing is known of the weights: no copy is there yet. */
  cold: ColdAdvice | null;
  /** Share of the files that were replayed. */
  sampled: number;
}
