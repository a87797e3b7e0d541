/** Cost of the misses with a cache of this size. */
interface MissPoint {
  /** Bytes. */
  bytes: number;
  /** Load time in excess of loads from copies, s. */
  seconds: number;
  misses: number;
}

/** Whether it pays to keep the least valuable copies compressed (`AUTOCACHE_COMPRESS=cold`), by replaying the recorded loads. */
export interface ColdAdvice {
  /** Whether the setting is on at present. */
  isOn: boolean;
  /** Load time saved by compression over the counted time, s; negative = lost. */
  saves: number;
  /** Loads that restore a compressed copy, and additional bytes written to the SSD; negative = fewer. */
  restores: number;
  written: number;
  /** Speed of a restore, bytes per second, and whether it was measured here. */
  restoreSpeed: number;
  measured: boolean;
  /** Size of the models over that of their compressed copies. */
  ratio: number;
  /** The value of the setting that would be better; null when the difference is small. */
  change: 'cold' | 'off' | null;
}

/** Answer of `GET /api/loads/misses`: the user's own miss curve, by replaying the recorded loads. */
export interface MissesAnswer {
  /** Start of the counted time, and of the trace of `GET /api/loads/trace`; ISO. */
  since: string;
  start: string | null;
  /** Recorded loads of the counted time, and bytes of all files ever loaded. */
  loads: number;
  footprint: number;
  /** The limit in force, bytes, and the policy. */
  limit: number;
  policy: string;
  /** Points by size; one of them has the limit. Empty without loads. */
  points: MissPoint[];
  /** The larger limit that saves most per byte: its additional bytes, and seconds saved; null when none saves a tenth. */
  more: { bytes: number; seconds: number } | null;
  /** Null without loads, and before the first copy: nothing is known of the weights then. */
  cold: ColdAdvice | null;
  /** Share of the files that were replayed. */
  sampled: number;
}
