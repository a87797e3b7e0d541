import { cpuUsage } from 'node:process';

/** Processor time of one measurement, µs. */
const spunMicros = 10_000;
/** Work that waits for a disk or for several processes is later than a single thread that spins. */
const margin = 3;
/** A measurement holds for so long, ms. */
const holdsMs = 1000;
/** What has not come after so many times its usual time does not come. */
const slowest = 10;

let latest = { slowness: 1, at: Number.NEGATIVE_INFINITY };

/**
 * Maximum wait for work that takes an idle machine `ms`, extended by the present load of this machine. It guards against a hang;
 * tests themselves wait for events.
 */
export function patience(ms: number): number {
  if (performance.now() - latest.at > holdsMs) latest = { slowness: slowness(), at: performance.now() };
  return Math.ceil(ms * margin * latest.slowness);
}

/**
 * Real time over processor time of a thread that never sleeps: 1 on an idle machine, about 5 with eight busy loops on two cores.
 */
function slowness(): number {
  const [startedAt, before] = [performance.now(), cpuUsage()];
  const spun = () => cpuUsage(before).user + cpuUsage(before).system;
  while (spun() < spunMicros);
  return Math.min(slowest, Math.max(1, ((performance.now() - startedAt) * 1000) / spun()));
}

/** How `vi.waitFor` and its like wait for an expected state. */
export function soon(): { timeout: number; interval: number } {
  return { timeout: patience(5000), interval: 5 };
}
