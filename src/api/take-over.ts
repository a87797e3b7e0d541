import type { AdoptionWay } from '../core/types.ts';
import type { JobView } from './api.ts';

/** `POST /api/cache/take-over`: files of another cache that may be copies of models. */
export interface TakeOverRequest {
  files: { path: string; size: number }[];
  way: AdoptionWay;
  /** Only say which files would be compared with which models. */
  check?: boolean;
}

export interface TakeOverItem {
  /** The file of the other cache. */
  from: string;
  size: number;
  /** The model that it may be a copy of; null = none. */
  path: string | null;
  /** `compared` by its job, which makes it a copy; `cached`: the model has a copy; `left` as it is. */
  state: 'compared' | 'cached' | 'left';
  /** Why it is left. */
  why: string | null;
  job: JobView | null;
}

export interface TakeOverAnswer {
  items: TakeOverItem[];
}
