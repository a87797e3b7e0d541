import type { MemoMode } from '../api/memo.ts';
import type { TierState } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import type { Flights } from './flights.ts';
import type { LateRefusals } from './late-refusals.ts';
import type { Opened } from './opened.ts';
import type { Served } from './served.ts';
import type { SharedLayer } from './shared-layer/shared-layer.ts';
import type { SourceDeps } from './source-deps.ts';

/** The parts of the plane that its management uses. */
export interface ManagedParts {
  clock: Clock;
  events: Events;
  log: Log;
  opened: Opened;
  sources: SourceDeps;
  served: Pick<Served, 'totals'>;
  lateRefusals: Pick<LateRefusals, 'of' | 'total'>;
  /** Null where results are not shared. */
  shared: Pick<SharedLayer, 'stats' | 'explain'> | null;
  flights: Pick<Flights<unknown>, 'voidResults' | 'computing' | 'waiting'>;
  /** Resolves when all results under way are stored; undefined when there are none. Never rejects. */
  arriving(): Promise<void> | undefined;
  mode(): MemoMode;
  state(): TierState;
  bound(): { items: number; limit: number };
  maxValue(): number;
  /** Maximum bytes in memory. */
  ramBytes: number;
}
