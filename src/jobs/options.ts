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
  /** Maximum bytes written to the SSD per UTC day, null = no limit. */
  dailyWrites(): number | null;
  /** Maximum bytes read from one remote per UTC month, unless a program waits for them; null = no limit. */
  remoteMonthly(): number | null;
}
