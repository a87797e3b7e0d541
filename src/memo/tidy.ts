import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Pauses } from '../runtime/pauses.ts';
import type { Store } from './store.ts';

/** Grace period of a blob without an entry, ms: its program may still store the result. */
const graceMs = 10 * 60_000;

/**
 * Removes leftovers of a crash: unfinished files, blobs without a row, blobs without an entry, rows whose blob is gone. Programs that
 * had put a blob but no result have lost their connection.
 */
export async function tidyAfterStart(store: Store, dir: string, signal: AbortSignal): Promise<void> {
  const { files, blobs } = store;
  const pauses = new Pauses(signal);
  // Before the first blob of this run.
  const unused = blobs.unused(Number.MAX_SAFE_INTEGER);
  files.dropUnfinished();
  dropSetAside(dir);
  await store.publisher.check(signal);
  for (const blob of unused) await store.dropBlob(blob);
  await sweepLeftBehind(store);
  for (const folder of files.folders()) {
    await pauses.take();
    if (signal.aborted) return;
    const known = new Set(blobs.inFolder(folder));
    const there = new Set(files.namesIn(folder));
    for (const name of there) if (!known.has(name) && !store.publisher.isPublishing(name)) files.discard(folder, name);
    for (const name of known) if (!there.has(name)) await store.dropDamaged(name);
  }
}

/** Removes files of results that were set aside, which no limit counts. */
function dropSetAside(dir: string): void {
  for (const name of readdirSync(dir)) if (name.startsWith('memo.db.damaged-')) rmSync(join(dir, name), { force: true });
}

/** Removes expired entries, and unused blobs. */
export async function tidyNow(store: Store, now: number): Promise<void> {
  store.inUse.tidy();
  store.uploads.tidy();
  await sweep(store, () => store.entries.over(now));
  await sweepLeftBehind(store);
  for (const blob of store.blobs.unused(now - graceMs)) await store.dropBlob(blob);
}

/** Removes the entries of earlier epochs. */
export async function sweepLeftBehind(store: Store): Promise<void> {
  for (const { name, epoch } of store.namespaces.all()) await sweep(store, () => store.entries.leftBehind(name, epoch));
}

/** Removes entries page by page; each page is gone before the next one is requested. */
async function sweep(store: Store, page: () => number[]): Promise<void> {
  for (let ids = page(); ids.length > 0; ids = page()) await store.remove(ids);
}
