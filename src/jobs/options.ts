import type { QueueLimits } from './queue.ts';
import type { RateLimits } from './rate-limiter.ts';

/** How copies are made, as configured; functions stand for settings that may change at runtime. */
export interface CopyOptions {
  limits: QueueLimits;
  rates(): RateLimits;
  /** Whether background copies yield to other programs that read from the same disk. */
  polite(): boolean;
  /** Whether finished copies are read back from the disk before they are published. */
  reread(): boolean;
  /** Bytes written to the SSD in a UTC day at most, null = no bound. */
  dailyWrites(): number | null;
  /** Bytes read from one remote in a UTC month at most, unless a program waits for them; null = no bound. */
  remoteMonthly(): number | null;
}
