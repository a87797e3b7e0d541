import type { LeavingResults } from '../api/api.ts';
import type {
  MemoEntriesAnswer,
  MemoExplainAnswer,
  MemoNamespaceView,
  MemoRemoval,
  MemoSort,
  MemoStaged,
  MemoStats,
  MemoTotals,
  MemoVerifyAnswer,
} from '../api/memo.ts';
import type { Repeatability } from '../api/memo-comfyui.ts';
import type { Presence } from './asker.ts';
import type { Blob } from './blobs.ts';
import type { Filter } from './entries.ts';
import type { Entry } from './entry.ts';
import { explain } from './explain.ts';
import { look } from './find.ts';
import { handedOutMs } from './in-use.ts';
import type { ManagedParts } from './managed-parts.ts';
import { trimNamespace } from './namespace-room.ts';
import type { Namespace } from './namespaces.ts';
import type { SeenOutput } from './repeatable.ts';
import type { Staging } from './staging.ts';
import { statsOf } from './stats.ts';
import type { Store } from './store.ts';
import { type Incoming, keptBlob, soundBlob, storeBlob } from './store-blob.ts';
import { sweepLeftBehind } from './tidy.ts';
import { noTotals } from './usage.ts';
import { verify } from './verify.ts';
import { viewOf } from './view.ts';

/** What is said of results as a whole, and done to them. While the store is away there are none. */
export class Manage {
  readonly #deps: ManagedParts;

  constructor(deps: ManagedParts) {
    this.#deps = deps;
  }

  /** Removes results; those that are being computed are not stored when they come. */
  async invalidate(filter: Filter, { dryRun }: { dryRun: boolean }): Promise<MemoRemoval> {
    const { existing: store } = this.#deps.opened;
    if (!store) return { removed: 0, bytes: 0 };
    const { ns, keys } = filter;
    const isWhole = Object.keys(filter).every((name) => name === 'ns');
    const { items: removed, bytes } = store.entries.sum(filter);
    if (dryRun) return { removed, bytes };
    store.owed.invalidated(filter);
    const named = ns === undefined ? store.entries.byNamespace().map((one) => one.ns) : [ns];
    if (isWhole || keys) for (const one of named) this.#deps.flights.voidResults(one, isWhole ? null : (keys ?? null));
    if (isWhole) {
      // From here on nothing of it is served; the rows go page by page.
      for (const one of named) store.namespaces.beginEpoch(one);
      await sweepLeftBehind(store);
    } else await store.remove(store.entries.matching(filter));
    return { removed, bytes };
  }

  /** Whether a class of ComfyUI's nodes is known to be repeatable. */
  repeatability(className: string, code: string): Repeatability {
    return this.#deps.opened.existing?.classes.of(className, code) ?? 'unknown';
  }

  /** Compares an output of a node with what is known of its key. Of a class that has disagreed no result is kept. */
  async see(ns: string, output: SeenOutput): Promise<Repeatability> {
    const { mode, opened, log, events } = this.#deps;
    const { className, code } = output;
    const store = mode() === 'on' ? opened.store : null;
    if (!store) return 'unknown';
    const before = store.classes.of(className, code);
    const { known, differs } = store.classes.see(output);
    if (differs) store.usage.add(ns, { disagreements: 1 });
    if (known !== 'unrepeatable') return known;
    const { removed } = await this.invalidate({ ns, tags: [`class:${className}`] }, { dryRun: false });
    if (before !== known) {
      log.warn(
        { class: className, removed },
        'a node gave another output for the same inputs; outputs of its class are not kept any more',
      );
      events.emit('memo-unrepeatable', { class: className, removed });
    }
    return known;
  }

  /** Brings a result into memory. No use is counted. */
  warm(ns: string, key: string): 'hit' | 'stale' | 'miss' {
    const { mode, clock, opened } = this.#deps;
    const entry = mode() === 'off' ? undefined : opened.existing?.find(ns, key)?.entry;
    if (!entry) return 'miss';
    return entry.freshUntil === null || clock.now() < entry.freshUntil ? 'hit' : 'stale';
  }

  /** The JSON text of the newest result with each of these tags that could be served, by tag. No use is counted. */
  async peek(ns: string, tags: readonly string[]): Promise<Map<string, string>> {
    const { mode, opened } = this.#deps;
    const store = mode() === 'off' ? null : opened.existing;
    const texts = new Map<string, string>();
    for (const [tag, key] of store?.entries.newestTagged(ns, tags) ?? []) {
      const found = store && (await look(this.#deps, store, { ns, key, as: 'value' }));
      if (found?.text != null && isValue(found.entry)) texts.set(tag, found.text);
    }
    return texts;
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
    const names = new Set([...held.keys(), ...store.namespaces.all().map(({ name }) => name)]);
    return [...names].sort().map((name) => {
      const { version, epoch, settings } = store.namespaces.of(name);
      const { items = 0, bytes = 0 } = held.get(name) ?? {};
      return { name, version, epoch, items, bytes, settings, totals: totals.get(name) ?? noTotals() };
    });
  }

  /** Says something of a namespace; what is over its limits then leaves. Null while the store is away. */
  async change(name: string, change: (before: Namespace) => Namespace): Promise<MemoNamespaceView | null> {
    const { store } = this.#deps.opened;
    if (!store) return null;
    store.namespaces.save(change(store.namespaces.of(name)));
    await trimNamespace(store, name);
    return this.namespaces().find((one) => one.name === name) ?? null;
  }

  stats(): MemoStats {
    return statsOf(this.#deps, this.#deps.opened.existing);
  }

  /** What has happened since the first start, by namespace. */
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

  /** Removes what is over limits that were lowered. Never throws. */
  async trim(): Promise<void> {
    const { opened } = this.#deps;
    await opened.existing?.room.trim().catch((error) => opened.trouble(error));
  }

  /** What is stored. */
  held(): { items: number; bytes: number } {
    return this.#deps.opened.existing?.held() ?? { items: 0, bytes: 0 };
  }

  /** The results that other limits would remove, about: those in use leave later, and one blob may be of many. */
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

  /** Opens the store, so that what a crash left is removed. */
  begin(): void {
    void this.#deps.opened.existing;
  }

  /** @returns null while nothing is stored @throws CacheError BODY_TOO_LARGE, NO_SPACE, HASH_MISMATCH */
  async storeBlob(incoming: Omit<Incoming, 'most'>): Promise<Blob | null> {
    const store = this.#keeping();
    return store && storeBlob(store, { ...incoming, most: this.#deps.maxValue() });
  }

  /** A file that a program of this machine may fill in place of sending its bytes; see `Staging`. @returns null while nothing is stored */
  async stage(size: number, program: Presence): Promise<MemoStaged | null> {
    return this.#staging?.begin(size, { most: this.#deps.maxValue(), program }) ?? null;
  }

  /** Takes such a file as a blob; see `Staging`. @returns null while nothing is stored */
  async takeStaged(name: string, sha256: string | null): Promise<Blob | null> {
    return this.#staging?.take(name, sha256) ?? null;
  }

  /** Removes such a file, if it is there: its program does not fill it. */
  async dropStaged(name: string): Promise<void> {
    await this.#deps.opened.staging?.drop(name);
  }

  /** A blob that is here, and its file, which stays while it is read. */
  findBlob(sha256: string): (Blob & { path: string }) | null {
    const store = this.#serving();
    if (!store) return null;
    const blob = soundBlob(store, sha256);
    if (!blob) {
      store.dropDamaged(sha256).catch((error) => this.#deps.opened.trouble(error));
      return null;
    }
    store.inUse.keep(sha256, handedOutMs);
    return { ...blob, path: store.files.pathOf(sha256) };
  }

  /** Those of these blobs that are not here; the others stay until the result that needs them. */
  missingBlobs(names: readonly string[]): string[] {
    const store = this.#serving();
    return names.filter((sha256) => !store || !keptBlob(store, sha256));
  }

  #keeping(): Store | null {
    const { opened, mode, state } = this.#deps;
    return mode() === 'on' && state() === 'here' ? opened.store : null;
  }

  get #staging(): Staging | null {
    return this.#keeping() && this.#deps.opened.staging;
  }

  #serving(): Store | null {
    return this.#deps.mode() === 'off' ? null : this.#deps.opened.store;
  }
}

/** Of bytes and files there is no JSON. */
function isValue({ kind }: Pick<Entry, 'kind'>): boolean {
  return kind === 'json' || kind === 'doc';
}
