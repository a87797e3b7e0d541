import type { Reason } from './types.ts';

const texts: Record<Reason, string> = {
  HIT: 'a true copy is on the SSD',
  HIT_RAM: 'a true copy is in RAM',
  HIT_OFFLINE: 'the source does not answer; a copy serves in its place',
  HIT_AFTER_WAIT: 'the copy became ready while waiting',
  COPYING: 'a copy is being made; until it is ready the source is used',
  QUEUED: 'a copy is queued; until it is ready the source is used',
  WAIT_TIMEOUT: 'the copy was not ready in time; the source is used',
  STALE: 'the source has changed since it was copied; a new copy is queued',
  BYPASS_SMALL: 'smaller than AUTOCACHE_MIN_SIZE',
  BYPASS_LARGE: 'larger than AUTOCACHE_MAX_SIZE',
  BYPASS_EXCLUDED: 'an unfinished download, or left out by AUTOCACHE_INCLUDE, _EXCLUDE or _CATEGORIES',
  BYPASS_FAST_SOURCE: 'the source is on a fast disk already',
  BYPASS_SCAN: 'asked for during a scan, which starts no copy',
  BYPASS_UNKNOWN_ROOT: 'below no directory that autocached knows (AUTOCACHE_ROOTS)',
  NOT_ADMITTED: 'what is cached is worth more than this file at present',
  NO_SPACE: 'no room for a copy: everything that could leave is in use or pinned',
  READ_ONLY: 'no copy yet, and none is made in mode read-only',
  OFF: 'autocached is switched off (autocached mode read-write)',
  SOURCE_MISSING: 'there is no such file',
  ERROR: "something went wrong; the daemon's log says what",
};

/** The reason in a sentence for people. */
export function reasonText(reason: Reason): string {
  return texts[reason] ?? reason;
}

/** Nothing is wrong with a file that autocached leaves alone on purpose. One below no known root is left alone by mistake. */
export function isLeftAlone(reason: Reason): boolean {
  return reason.startsWith('BYPASS_') && reason !== 'BYPASS_UNKNOWN_ROOT';
}
