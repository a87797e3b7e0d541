import { cpuUsage } from 'node:process';

/** Processor time of one measurement, µs. */
const spunMicros = 10_000;
/** What waits for a disk or for several processes is later than a single thread that spins. */
const margin = 3;

/**
 * How long to wait at most for what an idle machine does within `ms`: longer by as much as this machine is busy now. It guards against
 * a hang; what a test waits for is an event.
 */
export function patience(ms: number): number {
  return Math.ceil(ms * margin * slowness());
}

/** Real time over processor time of a thread that never sleeps: 1 on an idle machine, about 5 with eight busy loops on two cores. */
function slowness(): number {
  const [startedAt, before] = [performance.now(), cpuUsage()];
  const spun = () => cpuUsage(before).user + cpuUsage(before).system;
  while (spun() < spunMicros);
  return Math.max(1, ((performance.now() - startedAt) * 1000) / spun());
}

/** How `vi.waitFor` and its like wait for what comes by itself. */
export function soon(): { timeout: number; interval: number } {
  return { timeout: patience(5000), interval: 5 };
}
