import type { Clock } from '../runtime/clock.ts';
import type { Disposal } from '../runtime/disposal.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';

/** Given to every part of the daemon. */
export interface Context {
  clock: Clock;
  log: Log;
  events: Events;
  /** Each part adds here how to close the things it opens. */
  opened: Disposal;
}
