import type { Reason } from './types.ts';

const texts: Record<Reason, string> = {
  HIT: 'a verified copy is on the SSD',
  HIT_RAM: 'a verified copy is in RAM',
  HIT_OFFLINE: 'the source does not answer; the copy is used',
  HIT_AFTER_WAIT: 'the copy became ready while waiting',
  COPYING: 'a copy is being made; the source is used until it is ready',
  QUEUED: 'a copy is queued; the source is used until it is ready',
  WAIT_TIMEOUT: 'the copy was not ready in time; the source is used',
  STALE: 'the source has changed since it was copied; a new copy is queued',
  BYPASS_SMALL: 'smaller than AUTOCACHE_MIN_SIZE',
  BYPASS_LARGE: 'larger than AUTOCACHE_MAX_SIZE',
  BYPASS_EXCLUDED: 'an unfinished download, or left out by AUTOCACHE_INCLUDE, _EXCLUDE or _CATEGORIES',
  BYPASS_FAST_SOURCE: 'the source is already on a fast disk',
  BYPASS_SCAN: 'asked for by a scan; scans start no copy',
  BYPASS_UNKNOWN_ROOT: 'not inside a configured model folder (AUTOCACHE_ROOTS)',
  NOT_ADMITTED: 'the cached files are worth more than this one',
  NO_SPACE: 'no room for a copy: everything cached is in use or pinned',
  READ_ONLY: 'not cached; mode read-only makes no copies',
  OFF: 'autocached is off; switch it on with: autocached mode read-write',
  SOURCE_MISSING: 'there is no such file',
  ERROR: "something went wrong; see the daemon's log",
};

/** The reason in a sentence for people. */
export function reasonText(reason: Reason): string {
  return texts[reason] ?? reason;
}

/** Nothing is wrong with a file that autocached leaves alone on purpose. One below no known root is left alone by mistake. */
export function isLeftAlone(reason: Reason): boolean {
  return reason.startsWith('BYPASS_') && reason !== 'BYPASS_UNKNOWN_ROOT';
}
