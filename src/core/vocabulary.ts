import { copyStates, type Mode, type Reason } from './types.ts';

/**
 * The word for every state and reason that people see, and one sentence on it. API, command line, dashboard, sidebar and log use
 * only these words. The browser's pages load them from `comfyui/web/vocabulary.js`, which is generated from this file.
 */
export interface Term {
  word: string;
  says: string;
}

/** The progress of a copy: its job's state, or the cause of its delay. */
export const jobStatuses = [
  'queued',
  'accounting',
  'paused',
  'running',
  'limited',
  'giving-way',
  'held',
  'done',
  'failed',
  'cancelled',
] as const;
export type JobStatus = (typeof jobStatuses)[number];

export const jobTerms: Readonly<Record<JobStatus, Term>> = {
  queued: { word: 'queued', says: 'waits for its turn' },
  accounting: { word: 'waiting for accounting', says: 'starts when everything in the cache is accounted for' },
  paused: { word: 'paused', says: 'copying is paused; resume with: autocached jobs --resume' },
  running: { word: 'running', says: 'is being copied' },
  limited: { word: 'limited', says: 'is copied no faster than AUTOCACHE_RATE allows' },
  'giving-way': { word: 'giving way', says: 'another program reads from the same disk and goes first' },
  held: { word: 'held back', says: 'a copy that a program waits for goes first' },
  done: { word: 'done', says: 'the copy is ready' },
  failed: { word: 'failed', says: 'no copy was made' },
  cancelled: { word: 'cancelled', says: 'the copy was cancelled' },
};

/** Only these move at a pace that allows an estimate. */
export function isMoving(status: JobStatus): boolean {
  return status === 'running' || status === 'limited';
}

export const reasonTerms: Readonly<Record<Reason, Term>> = {
  HIT: { word: 'ready', says: 'a verified copy is on the SSD' },
  HIT_RAM: { word: 'ready', says: 'a verified copy is in RAM' },
  HIT_OFFLINE: { word: 'ready, source away', says: 'the source does not answer; the copy is used' },
  HIT_AFTER_WAIT: { word: 'ready', says: 'the copy became ready while waiting' },
  COPYING: { word: 'copying', says: 'a copy is being made; the source is used until it is ready' },
  QUEUED: { word: 'queued', says: 'a copy is queued; the source is used until it is ready' },
  WAIT_TIMEOUT: { word: 'copying', says: 'the copy was not ready in time; the source is used' },
  STALE: { word: 'changed', says: 'the source has changed since it was copied; its copy is no longer used' },
  BYPASS_SMALL: { word: 'left alone', says: 'smaller than AUTOCACHE_MIN_SIZE' },
  BYPASS_LARGE: { word: 'left alone', says: 'larger than AUTOCACHE_MAX_SIZE' },
  BYPASS_EXCLUDED: {
    word: 'left alone',
    says: 'an unfinished download, or left out by AUTOCACHE_INCLUDE, _EXCLUDE or _CATEGORIES',
  },
  BYPASS_FAST_SOURCE: { word: 'left alone', says: 'the source is already on a fast disk' },
  BYPASS_SCAN: { word: 'left alone', says: 'asked for by a scan; scans start no copy' },
  BYPASS_UNKNOWN_ROOT: { word: 'unknown folder', says: 'not inside a configured model folder (AUTOCACHE_ROOTS)' },
  NOT_ADMITTED: { word: 'not admitted', says: 'the cached files are worth more than this one' },
  NO_SPACE: { word: 'no space', says: 'no room for a copy: everything cached is in use or pinned' },
  READ_ONLY: { word: 'read-only', says: 'not cached; no copies are made in mode read-only, or where nothing can be written' },
  OFF: { word: 'off', says: 'autocached is off; turn it on with: autocached mode read-write' },
  SOURCE_MISSING: { word: 'missing', says: 'there is no such file' },
  SOURCE_AWAY: { word: 'away', says: 'the source does not answer, and there is no copy' },
  NOT_PERMITTED: { word: 'not permitted', says: 'the daemon is not permitted to read the source' },
  ERROR: { word: 'failed', says: "something went wrong; see the daemon's log" },
};

/** Terms for the next load, while no copy is queued yet. */
export const untilAsked: Readonly<Partial<Record<Reason, Term>>> = {
  QUEUED: { word: 'not copied yet', says: 'the next load starts a copy' },
  COPYING: { word: 'not complete yet', says: 'files that belong to it have no copies; the next load starts them' },
  WAIT_TIMEOUT: { word: 'slow to answer', says: 'the source did not answer in time; a copy is decided on when it does' },
};

/** The term of OFF while the mode is another one, and of copies: the disk of the cache does not answer. */
const cacheAway: Term = {
  word: 'cache away',
  says: 'the cache disk is away: the source is used, nothing is forgotten, copies are used again when it is back',
};

/** @param isUnderWay whether a copy of the file is queued or running. @param isCacheAway whether the reason is the disk of the cache */
export function reasonTerm(reason: Reason, isUnderWay: boolean, isCacheAway = false): Term {
  if (isCacheAway) return cacheAway;
  return (isUnderWay ? undefined : untilAsked[reason]) ?? reasonTerms[reason] ?? { word: reason, says: reason };
}

/** True when autocached leaves a file alone on purpose. A file outside all roots is left alone by mistake. */
export function isLeftAlone(reason: Reason): boolean {
  return reason.startsWith('BYPASS_') && reason !== 'BYPASS_UNKNOWN_ROOT';
}

/** Why an input of a workflow that names or chooses a model has no known file. */
export type UnresolvedReason = 'NO_MATCH' | 'NO_NAME' | 'SEVERAL' | 'COMPUTED' | 'NOT_LEARNED' | 'OWN_LOADER';

export const unresolvedTerms: Readonly<Record<UnresolvedReason, Term>> = {
  NO_MATCH: { word: 'not found', says: 'no file of its folders is called so; if its node finds one, that is learned' },
  NO_NAME: {
    word: 'no file name',
    says: 'no model is called so: it has several lines, < > or quotes, is an address, or is too long',
  },
  SEVERAL: { word: 'several', says: 'several files are called so; the one that its node loads is learned' },
  COMPUTED: { word: 'computed', says: 'another node computes it; it is known when the node runs' },
  NOT_LEARNED: { word: 'not run yet', says: 'its node chooses the files; they are learned when it runs' },
  OWN_LOADER: { word: 'opened by itself', says: 'its node opens the file past autocached; a copy would not be used' },
};

/** The term for a model that a prompt names and will not load. */
export const notNeededTerm: Term = {
  word: 'not needed',
  says: 'what is made with it is kept from an earlier run; no copy is made',
};

/** State of a copy: as in the catalog, or ready on a disk that is away. */
export const shownCopyStates = [...copyStates, 'away'] as const;
export type ShownCopyState = (typeof shownCopyStates)[number];

export const copyTerms: Readonly<Record<ShownCopyState, Term>> = {
  copying: { word: 'copying', says: 'not whole yet' },
  ready: { word: 'ready', says: 'in service' },
  stale: { word: 'changed', says: 'of an older source; no longer used' },
  evicting: { word: 'leaving', says: 'is being removed' },
  away: cacheAway,
};

/** State of a file of the library. */
export const libraryStates = [
  'ready',
  'copying',
  'queued',
  'changed',
  'not-copied',
  'left-alone',
  'away',
  'cache-away',
  'not-seen',
] as const;
export type LibraryState = (typeof libraryStates)[number];

export const libraryTerms: Readonly<Record<LibraryState, Term>> = {
  ready: { word: 'ready', says: 'a verified copy is in the cache' },
  copying: { word: 'copying', says: 'a copy is being made' },
  queued: { word: 'queued', says: 'a copy waits for its turn' },
  changed: { word: 'changed', says: 'the source has changed since it was copied; the next load starts a new copy' },
  'not-copied': { word: 'not copied yet', says: 'the next load starts a copy' },
  'left-alone': {
    word: 'left alone',
    says: 'too small or too large, left out by the settings, or already on a fast disk: no copy is made',
  },
  away: { word: 'away', says: 'its folder does not answer, and there is no copy' },
  'cache-away': cacheAway,
  'not-seen': { word: 'not seen', says: 'it was not there when its folder was last looked through' },
};

export const rootHealths = ['unknown', 'ok', 'away', 'missing'] as const;
export type RootHealth = (typeof rootHealths)[number];

export const rootTerms: Readonly<Record<RootHealth, Term>> = {
  unknown: { word: 'not looked at', says: 'nobody has looked at it yet' },
  ok: { word: 'ok', says: 'it answers' },
  away: { word: 'away', says: 'it does not answer; its copies keep working' },
  missing: { word: 'missing', says: 'there is no such directory, and there never was since it was named' },
};

/** The state of a root for people. @param why its cause, or the silence of one that was ok */
export function rootHealthText(health: RootHealth, why: string | null): string {
  const { word } = rootTerms[health];
  if (!why) return word;
  return health === 'ok' ? why : `${word}: ${why}`;
}

export const modeTerms: Readonly<Record<Mode, Term>> = {
  'read-write': { word: 'On', says: 'copies are used and made' },
  'read-only': { word: 'Read only', says: 'copies are used, none are made' },
  off: { word: 'Off', says: 'every lookup is answered with the source' },
};

/** The term while no daemon answers. */
export const daemonAway: Term = {
  word: 'not running',
  says: 'The autocached daemon is not running. Models load from their own places.',
};
