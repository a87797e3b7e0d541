import { basename } from 'node:path';
import type { LookupAnswer, LookupRequest } from '../api/api.ts';
import type { CacheError } from '../core/errors.ts';
import { reasonTerm } from '../core/vocabulary.ts';
import type { CopyInProgress, Examination } from './collaborators.ts';

/** An answer. `noPath` says why a model that is only on a remote has no file that a program could open. */
export interface Answered extends LookupAnswer {
  noPath?: string;
}

/**
 * Why a model of a remote has no path for this asker, in a sentence; undefined where it has one, or only its stat is asked for. A
 * placeholder is never opened (law 5).
 */
export function whyNoPath(
  { purpose }: Pick<LookupRequest, 'purpose'>,
  { located, decision, isCacheAway }: Examination,
  { job, failure }: { job: CopyInProgress | null; failure: CacheError | undefined },
): string | undefined {
  if (!located.isRemote || decision.serve === 'copy' || purpose === 'scan') return undefined;
  const view = job?.view() ?? null;
  const trouble = view?.error?.message ?? failure?.message;
  const open = view?.state === 'queued' || view?.state === 'running';
  const why =
    view && open ? `its copy is ${view.word}: ${view.why}` : (trouble ?? reasonTerm(decision.reason, false, isCacheAway).says);
  return `${basename(located.path)} lies on a remote only, and there is no copy of it: ${why} (${decision.reason})`;
}
