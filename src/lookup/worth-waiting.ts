/** What is known, in bytes, bytes per second and ms, when a program asks for a file whose copy runs or would start. */
export interface FirstLoad {
  size: number;
  /** Bytes of it that are still to be copied. */
  left: number;
  /** Bytes that other copies have still to do before this one can start; 0 when it runs or has a place. */
  ahead: number;
  /** How fast the source gives large reads one after the other, as the copy makes them. */
  sequential: number;
  /** How long the source takes for one small read somewhere in a file, ms. */
  smallReadMs: number;
  /** How fast the finished copy is read where it was just written. */
  tier: number;
  /** The loader maps the file and faults its pages in, rather than reading it in large pieces. */
  mapped: boolean;
}

/**
 * What a page fault fetches: the kernel's read-ahead, 128 KiB unless somebody changed it. A mapped loader waits for each of them,
 * while a copy keeps the source busy.
 */
const faultBytes = 128 * 1024;
/** Starting a copy, its last fsync and its publication, ms. */
const publishMs = 150;
/** A copy that is there so soon is always waited for, ms: nobody notices, and the model is off its source for its whole life. */
const soonMs = 1000;
/** What waiting may cost at most: the bytes of the SSD are there for the next load, and this one is hardly later. */
const tolerance = 1.05;

/** How long the copy, the load after it, and the load from the source instead would take, ms. */
export function estimateFirstLoad(load: FirstLoad): { copyMs: number; viaCopyMs: number; directMs: number } {
  const { size, left, ahead, sequential, smallReadMs, tier, mapped } = load;
  const copyMs = ((ahead + left) / sequential) * 1000 + publishMs;
  const straightMs = (size / sequential) * 1000;
  const directMs = mapped ? straightMs + (size / faultBytes) * smallReadMs : straightMs;
  return { copyMs, viaCopyMs: copyMs + (size / tier) * 1000, directMs };
}

/** Whether the copy can be there within `boundMs`, and is there soon or copy-then-load is no later than loading from the source. */
export function worthWaiting(load: FirstLoad, boundMs: number): boolean {
  const { copyMs, viaCopyMs, directMs } = estimateFirstLoad(load);
  return copyMs <= boundMs && (copyMs <= soonMs || viaCopyMs <= directMs * tolerance);
}
