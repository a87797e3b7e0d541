import type { MemoExplainAnswer, MemoSharedExplanation } from '../api/memo.ts';
import { formatDuration } from '../core/format.ts';
import type { Entry } from './entry.ts';
import type { ManagedParts } from './managed-parts.ts';
import type { Store } from './store.ts';
import { viewOf } from './view.ts';

/** Why a key would hit or miss now. Counts no use, and removes nothing. */
export async function explain(
  { opened, sources, clock, mode, lateRefusals, shared: layer }: ManagedParts,
  { ns, key }: { ns: string; key: string },
): Promise<MemoExplainAnswer> {
  const nothing = { ns, key, entry: null, shared: null, compared: null, deps: [], blobs: [], leavesAfter: null };
  if (mode() === 'off') return { ...nothing, ...missed('AUTOCACHE_MEMO or the mode is off: nothing is served') };
  const shared = (await layer?.explain(ns, key)) ?? null;
  const none = { ...nothing, shared };
  const { existing: store } = opened;
  if (!store) return { ...none, ...missed(opened.whyNone) };
  store.flush();
  const entry = store.entries.find(ns, key);
  const now = clock.now();
  const refused = lateRefusals.of({ ns, key });
  const late =
    refused && `a result was answered as stored ${formatDuration(now - refused.at)} ago, and then refused: ${refused.reason}`;
  if (!entry)
    return { ...none, ...withShared(missed(late ?? 'no such result is kept: it was never stored, or it has left'), shared) };
  const deps = await Promise.all(entry.deps.map(async (dep) => ({ dep: dep.dep, state: await sources.compare(dep) })));
  const blobs = entry.blobs.map(({ sha256, seal }) => ({
    ...{ sha256, size: seal.size },
    sound: store.isSound({ sha256, seal }),
    path: store.files.pathOf(sha256),
  }));
  const { state, why } = withShared(verdictOf(store, entry, { now, deps, blobs }), shared);
  return {
    ns,
    key,
    state,
    why: late ? `${why}; ${late}` : why,
    entry: viewOf(store, entry, now),
    shared,
    compared: comparedOf(store, entry),
    deps,
    blobs,
    leavesAfter: store.entries.leavingBefore(entry),
  };
}

function comparedOf({ namespaces, meanings }: Store, { id, ns }: Entry): MemoExplainAnswer['compared'] {
  const { semantic } = namespaces.of(ns).settings;
  if (!semantic || !meanings.texts.has(id)) return null;
  const judged = meanings.texts.judgedOf(id);
  return { mode: semantic.mode, judged: judged.length, right: judged.filter(({ right }) => right).length };
}

type Verdict = Pick<MemoExplainAnswer, 'state' | 'why'>;

function missed(why: string): Verdict {
  return { state: 'miss', why };
}

/** Adds the verdict of Redis for a key that is not here. */
function withShared(here: Verdict, shared: MemoSharedExplanation | null): Verdict {
  if (here.state !== 'miss' || (shared?.state !== 'hit' && shared?.state !== 'stale')) return here;
  return { state: shared.state, why: `${shared.why}; here: ${here.why}` };
}

function verdictOf(
  store: Store,
  entry: Entry,
  { now, deps, blobs }: Pick<MemoExplainAnswer, 'deps' | 'blobs'> & { now: number },
): Verdict {
  const { freshUntil, endsAt, epoch, ns } = entry;
  const changed = deps.find(({ state }) => state === 'changed');
  const damaged = blobs.find(({ sound }) => !sound);
  if (epoch !== store.namespaces.of(ns).epoch) return { state: 'miss', why: 'its namespace was emptied since it was stored' };
  if (endsAt !== null && endsAt <= now) return { state: 'miss', why: `its time was over ${formatDuration(now - endsAt)} ago` };
  if (changed) return { state: 'miss', why: `${changed.dep} has changed since` };
  if (damaged) return { state: 'miss', why: `its blob ${damaged.sha256} is missing or changed` };
  if (freshUntil === null) return { state: 'hit', why: 'it is kept without end' };
  if (freshUntil <= now) return { state: 'stale', why: `it was fresh until ${formatDuration(now - freshUntil)} ago` };
  return { state: 'hit', why: `it is fresh for ${formatDuration(freshUntil - now)}` };
}
