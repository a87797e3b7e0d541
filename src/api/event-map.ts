import type { FarmTrouble } from '../core/farm.ts';
import type { Mode, TierName, TierState } from '../core/types.ts';
import type { JobView, RootView } from './api.ts';
import type { StuckView } from './open-sources.ts';

/** Server-sent events of `GET /api/events`: the event's name is the key. */
export interface EventMap {
  'job-queued': JobView;
  'job-started': JobView;
  'job-progress': JobView;
  'job-done': JobView;
  'job-failed': JobView;
  /** `touched`: size and time are as before; the copy is compared with it, and may be used again. */
  'copy-stale': { entry: number; path: string; touched?: boolean };
  'copy-damaged': { entry: number; path: string; copy: string; tier: TierName; why: string; chunks: number[] };
  /** A blob of results is missing, or does not match its name; `removed` results that had it are gone. */
  'memo-damaged': { sha256: string; removed: number };
  /** A class of ComfyUI's nodes gave another output for the same inputs: none of it is kept, and `removed` results are gone. */
  'memo-unrepeatable': { class: string; removed: number };
  /** A source differs from its published SHA-256. */
  'published-mismatch': { entry: number; path: string; sha256: string; published: string; from: string };
  /** Bytes over all copies of one round. */
  'verify-progress': { path: string; bytesDone: number; bytesTotal: number };
  'entry-evicted': { entry: number; path: string; bytes: number; why: string };
  'root-health': RootView;
  /** The disk of the cache directory went away, is back, or refuses writes. */
  'cache-disk': { dir: string; state: TierState };
  'source-stuck': StuckView;
  /** A fault between the hosts of a farm, or its end; `path`: the file concerned. */
  'farm-trouble': { code: FarmTrouble; host: string | null; path: string | null; why: string | null };
  'mode-changed': { mode: Mode };
  /** The changed settings, by key, and the settings of the files that are not in force. */
  'config-changed': { changed: string[]; warnings: string[] };
  /** Whether all files in the cache are accounted for; until then, no copy starts. */
  accounting: { complete: boolean };
}
