/** The known facts, in bytes, bytes per second and ms, when a program requests a file whose copy runs or would start. */
export interface FirstLoad {
  size: number;
  /** Bytes of it left to copy. */
  left: number;
  /** Bytes that other copies must finish before this one can start; 0 when it runs or has a place. */
  ahead: number;
  /** Speed of the source for large reads one after the other, as a copy makes them. */
  sequential: number;
  /** Time of one small read in a file of the source, ms. */
  smallReadMs: number;
  /** Read speed of the freshly written copy. */
  tier: number;
  /** The loader maps the file and faults its pages in, instead of reading large pieces. */
  mapped: boolean;
}

/**
 * Bytes fetched by a page fault: the kernel's read-ahead, 128 KiB by default. A mapped loader waits for each of them, while a copy
 * keeps the source busy.
 */
const faultBytes = 128 * 1024;
/** Starting a copy, its last fsync and its publication, ms. */
const publishMs = 150;
/** A copy ready within this time, ms, is always awaited: users do not notice, and the model stays off its source from then on. */
const soonMs = 1000;
/** Waiting may cost at most this factor: the next load finds the bytes on the SSD, and this one is hardly later. */
const tolerance = 1.05;

/** Time of the copy, of the copy and the load after it, and of a load from the source instead, ms. */
export function estimateFirstLoad(load: FirstLoad): { copyMs: number; viaCopyMs: number; directMs: number } {
  const { size, left, ahead, sequential, smallReadMs, tier, mapped } = load;
  const copyMs = ((ahead + left) / sequential) * 1000 + publishMs;
  const straightMs = (size / sequential) * 1000;
  const directMs = mapped ? straightMs + (size / faultBytes) * smallReadMs : straightMs;
  return { copyMs, viaCopyMs: copyMs + (size / tier) * 1000, directMs };
}

/**
 * Whether to wait: the copy is ready within `boundMs`, and either soon, or copying and loading take no longer than loading from the
 * source.
 */
export function worthWaiting(load: FirstLoad, boundMs: number): boolean {
  const { copyMs, viaCopyMs, directMs } = estimateFirstLoad(load);
  return copyMs <= boundMs && (copyMs <= soonMs || viaCopyMs <= directMs * tolerance);
}
