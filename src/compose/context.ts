import type { Clock } from '../runtime/clock.ts';
import type { Disposal } from '../runtime/disposal.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';

/** What every part of the daemon is given. */
export interface Context {
  clock: Clock;
  log: Log;
  events: Events;
  /** Takes how to close each thing that a part opens. */
  opened: Disposal;
}
