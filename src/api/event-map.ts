import type { Mode, TierName } from '../core/types.ts';
import type { JobView, RootView } from './api.ts';
import type { StuckView } from './open-sources.ts';

/** Server-sent events of `GET /api/events`: the event's name is the key. */
export interface EventMap {
  'job-queued': JobView;
  'job-started': JobView;
  'job-progress': JobView;
  'job-done': JobView;
  'job-failed': JobView;
  'copy-stale': { entry: number; path: string };
  'copy-damaged': { entry: number; path: string; copy: string; tier: TierName; why: string; chunks: number[] };
  /** A source is not the file that somebody has published the SHA-256 of. */
  'published-mismatch': { entry: number; path: string; sha256: string; published: string; from: string };
  /** Bytes over all copies of one round. */
  'verify-progress': { path: string; bytesDone: number; bytesTotal: number };
  'entry-evicted': { entry: number; path: string; bytes: number; why: string };
  'root-health': RootView;
  'source-stuck': StuckView;
  'mode-changed': { mode: Mode };
  /** Settings that changed, by key, and what the files say that is not in force. */
  'config-changed': { changed: string[]; warnings: string[] };
  /** Whether everything that lies in the cache is accounted for; until it is, no copy starts. */
  accounting: { complete: boolean };
}
