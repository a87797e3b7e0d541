import type { QueueLimits } from './queue.ts';
import type { RateLimits } from './rate-limiter.ts';

/** How copies are made, as configured; what may change while the daemon runs is asked for each time. */
export interface CopyOptions {
  limits: QueueLimits;
  rates(): RateLimits;
  /** Whether copies that nobody waits for give way to other programs that read from the same disk. */
  polite(): boolean;
  /** Whether finished copies are read back from the disk before they are published. */
  reread(): boolean;
  /** Most bytes written to the SSD in a UTC day, null = no bound. */
  dailyWrites(): number | null;
}
