import type { StatsAnswer } from '../api/stats.ts';
import type { StatsServices } from './stats.ts';

/** Figures of one name. */
export interface Series {
  /** A counter: it only grows at runtime. */
  counts?: boolean;
  name: string;
  help: string;
  labels?: readonly string[];
  /** One value, or one for each set of labels. */
  read(stats: StatsAnswer, services: StatsServices): number | [Record<string, string>, number][];
}
