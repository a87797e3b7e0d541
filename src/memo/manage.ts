import type { LeavingResults } from '../api/api.ts';
import type {
  MemoEntriesAnswer,
  MemoExplainAnswer,
  MemoNamespaceView,
  MemoRemoval,
  MemoSort,
  MemoStats,
  MemoTotals,
  MemoVerifyAnswer,
} from '../api/memo.ts';
import type { Filter } from './entries.ts';
import { explain } from './explain.ts';
import type { ManagedParts } from './managed-parts.ts';
import { trimNamespace } from './namespace-room.ts';
import type { Namespace } from './namespaces.ts';
import { statsOf } from './stats.ts';
import { sweepLeftBehind } from './tidy.ts';
import { noTotals } from './usage.ts';
import { verify } from './verify.ts';
import { viewOf } from './view.ts';

/** Statistics and management of all results. While the store is away there are none. */
export class Manage {
  readonly #deps: ManagedParts;

  constructor(deps: ManagedParts) {
    this.#deps = deps;
  }

  /** Removes results; those that are being computed are not stored either. @throws CacheError BUSY while the file is locked */
  async invalidate(filter: Filter, { dryRun }: { dryRun: boolean }): Promise<MemoRemoval> {
    const arriving = this.#deps.arriving();
    // Without any, and while no other program holds the file, an invalidation holds at once.
    if (arriving) await arriving;
    const unlocked = dryRun ? null : this.#deps.opened.unlocked();
    if (unlocked) await unlocked;
    const { ns, keys } = filter;
    const isWhole = Object.keys(filter).every((name) => name === 'ns');
    if (!dryRun && (isWhole || keys)) this.#deps.flights.voidResults(ns ?? null, isWhole ? null : (keys ?? null));
    const { opened, shared } = this.#deps;
    // What Redis is to be told is written down here, also when nothing is stored here.
    const store = shared && !dryRun ? opened.store : opened.existing;
    if (!store) {
      if (!dryRun) opened.assertEmpty();
      return { removed: 0, bytes: 0 };
    }
    const { items: removed, bytes } = store.entries.sum(filter);
    if (dryRun) return { removed, bytes };
    store.owed.invalidated(filter);
    if (isWhole) {
      const named = ns === undefined ? store.entries.byNamespace().map((one) => one.ns) : [ns];
      // From here on no earlier result is served; the rows are removed page by page.
      for (const one of named) store.namespaces.beginEpoch(one);
      await sweepLeftBehind(store);
    } else await store.remove(store.entries.matching(filter));
    return { removed, bytes };
  }

  /** Brings a result into memory. No use is counted. */
  warm(ns: string, key: string): 'hit' | 'stale' | 'miss' {
    const { mode, clock, opened } = this.#deps;
    const entry = mode() === 'off' ? undefined : opened.existing?.find(ns, key)?.entry;
    if (!entry) return 'miss';
    return entry.freshUntil === null || clock.now() < entry.freshUntil ? 'hit' : 'stale';
  }

  list(filter: Filter, page: { sort: MemoSort; limit: number; offset: number }): MemoEntriesAnswer {
    const { existing: store } = this.#deps.opened;
    if (!store) return { total: 0, entries: [] };
    store.flush();
    const entries = store.entries.list(filter, page).map((entry) => viewOf(store, entry, this.#deps.clock.now()));
    return { total: store.entries.sum(filter).items, entries };
  }

  namespaces(): MemoNamespaceView[] {
    const { existing: store } = this.#deps.opened;
    if (!store) return [];
    const totals = store.usage.byNamespace();
    const held = new Map(store.entries.byNamespace().map((one) => [one.ns, one]));
    // One that was only cleared, perhaps by a mistyped name, is of no interest.
    const used = store.namespaces.all().filter((one) => totals.has(one.name) || isSet(one));
    const names = new Set([...held.keys(), ...used.map(({ name }) => name)]);
    return [...names].sort().map((name) => viewOfNamespace(store.namespaces.of(name), held.get(name), totals.get(name)));
  }

  /** Changes a namespace; results beyond its new limits leave. Null while the store is away. @throws CacheError BUSY */
  async change(name: string, change: (before: Namespace) => Namespace): Promise<MemoNamespaceView | null> {
    await this.#deps.opened.unlocked();
    const { store } = this.#deps.opened;
    if (!store) return null;
    store.namespaces.save(change(store.namespaces.of(name)));
    await trimNamespace(store, name);
    const totals = store.usage.byNamespace().get(name);
    return viewOfNamespace(store.namespaces.of(name), store.entries.sum({ ns: name }), totals);
  }

  stats(): MemoStats {
    return statsOf(this.#deps, this.#deps.opened.existing);
  }

  /** Totals since the first start, by namespace. */
  totals(): ReadonlyMap<string, MemoTotals> {
    return this.#deps.opened.existing?.usage.byNamespace() ?? new Map();
  }

  explain(ns: string, key: string): Promise<MemoExplainAnswer> {
    return explain(this.#deps, { ns, key });
  }

  /** Reads all blobs again. A client that hangs up ends it. */
  verify(signal: AbortSignal): Promise<MemoVerifyAnswer> {
    return verify(this.#deps.opened.existing, this.#deps.clock, signal);
  }

  /** Removes results beyond lowered limits. Never throws. */
  async trim(): Promise<void> {
    const { opened } = this.#deps;
    await opened.existing?.room.trim().catch((error) => opened.trouble(error));
  }

  /** Number and size of the stored results. */
  held(): { items: number; bytes: number } {
    return this.#deps.opened.existing?.held() ?? { items: 0, bytes: 0 };
  }

  /** An estimate of the results that other limits would remove: those in use leave later, and results may share a blob. */
  leavingUnder({ items, limit }: { items: number; limit: number }): LeavingResults {
    const { existing: store } = this.#deps.opened;
    if (!store) return { results: 0, of: 0, bytes: 0 };
    store.flush();
    const held = store.held();
    let [results, bytes] = [0, 0];
    for (const size of store.entries.sizesByWorth()) {
      if (held.items - results <= items && held.bytes - bytes <= limit) break;
      results += 1;
      bytes += size;
    }
    return { results, of: held.items, bytes };
  }

  /** Opens the store, which removes leftovers of a crash. */
  begin(): void {
    void this.#deps.opened.existing;
  }
}

/** Whether it has a version or settings of its own. */
function isSet({ version, settings }: Namespace): boolean {
  return version !== '' || Object.keys(settings).length > 0;
}

function viewOfNamespace(
  { name, version, epoch, settings }: Namespace,
  { items, bytes }: { items: number; bytes: number } = { items: 0, bytes: 0 },
  totals: MemoTotals = noTotals(),
): MemoNamespaceView {
  return { name, version, epoch, items, bytes, settings, totals };
}
