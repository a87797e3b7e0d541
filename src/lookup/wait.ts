import { freemem } from 'node:os';
import type { LookupRequest } from '../api/api.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import { defaultTier, type Reason } from '../core/types.ts';
import { isMapped } from '../weights/extensions.ts';
import type { Examination, LookupOptions, Planner, Speeds } from './collaborators.ts';
import { worthWaiting } from './worth-waiting.ts';

/** Read speed of a file in the page cache, bytes per second. */
const justWritten = 4e9;

export interface WaitDeps {
  planner: Planner;
  speeds: Speeds;
  options: LookupOptions;
}

/** Reasons of a decision that the late answer of a source may change, or the end of the copy in progress. */
const open: readonly Reason[] = ['WAIT_TIMEOUT', 'QUEUED', 'COPYING'];

/** Whether the decision waits for a source that has not answered yet. */
export function isUndecided({ source, decision }: Pick<Examination, 'source' | 'decision'>): boolean {
  return source.state === 'slow' && decision.serve === 'source' && open.includes(decision.reason);
}

/** Time to wait for the copy, ms; 0 when loading from the source is better. */
export function waitMsFor(request: LookupRequest, examination: Examination, { planner, speeds, options }: WaitDeps): number {
  const { located, source, cold, decision } = examination;
  const { onMiss, waitMaxMs, rateFor } = options;
  if (request.purpose !== 'load') return 0;
  const boundMs = Math.max(0, Math.min(request.waitMs, waitMaxMs) - (request.waitedMs ?? 0));
  // The client would wait for this source itself, and nobody knows how long.
  if (isUndecided(examination)) return onMiss === 'background' && !located.isRemote ? 0 : boundMs;
  if (!decision.request) return 0;
  // Without the source a restore is the only way; a model of a remote has no other path at all.
  if (source.state !== 'present' || located.isRemote) return boundMs;
  if (onMiss === 'background') return 0;
  if (boundMs === 0 || onMiss === 'wait') return boundMs;
  const { root, medium } = located;
  const restored = cold && isSameFingerprint(cold.source, decision.request) ? cold : null;
  const speed = restored ? speeds.ofTier(restored.tier) : speeds.of(root, medium);
  const job = planner.activeJob(located.path)?.view();
  const { size } = decision.request;
  const load = {
    size,
    left: size - (job?.bytesDone ?? 0),
    ahead: job?.state === 'running' ? 0 : planner.bytesAhead(located, restored !== null),
    sequential: Math.min(speed, rateFor(restored ? 'ssd' : medium) ?? Number.POSITIVE_INFINITY),
    smallReadMs: speeds.smallReadMs(root, medium),
    // Freshly written bytes are still in memory, unless memory is short.
    tier: size < freemem() / 2 ? justWritten : speeds.ofTier(defaultTier),
    mapped: isMapped(located.path),
  };
  return worthWaiting(load, boundMs) ? boundMs : 0;
}
