import type { EventMap } from '../api/event-map.ts';
import type { SharedView } from '../api/farm.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { CacheError, messageOf, toCacheError } from '../core/errors.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import type { SharedStore, StoreOrigin } from '../core/remote.ts';
import type { NamedSource } from '../core/source-name.ts';
import { defaultTier, type Fingerprint, type Medium, type Mode, type SourceFile } from '../core/types.ts';
import { within } from '../runtime/deadline.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import { Periodic } from '../runtime/periodic.ts';
import type { Tiers } from '../tiers/tiers.ts';
import { reservationMs, type SharedLedger } from './ledger.ts';
import { contentKey, notesFolder, type SourceNote } from './store-names.ts';
import { StoreProcess } from './store-process.ts';
import { WriteBehind } from './write-behind.ts';

type KnownSource = NamedSource & Pick<SourceFile, 'path'>;

export interface SharedTierDeps {
  store: SharedStore;
  ledger: SharedLedger;
  catalog: Catalog;
  tiers: Tiers;
  /** Bytes per second of reads from a source's disk. */
  speedOf(root: string, medium: Medium): number;
  mode(): Mode;
  events: Events;
  log: Log;
  now(): number;
  environment: NodeJS.ProcessEnv;
}

/** Interval between listings of the bucket, ms: other hosts write into it. */
const listMs = 15 * 60_000;
/** Time after the last request for an away source during which the bucket is listed more often, ms. */
const inUseMs = 10 * 60_000;
const lookAgainMs = 30_000;
/** Timeout of a copy's question to the store, ms; a silent store is left alone for a while. */
const askMs = 3000;
const awayMs = 60_000;
/** Retry interval of a ledger that did not answer, ms. */
const soonMs = 2000;
/** Age at which an unfinished upload counts as abandoned, ms. */
const staleMs = 24 * 3_600_000;
/** Weight of a new measurement of the store's speed. */
const newShare = 0.3;

/**
 * Copies that hosts share in an object store, below the SSD and above the origin: written after copies from an origin, read with proof,
 * evicted by counts that fade, and never beyond the limit. `test/tiers/level.contract.ts` lists its guarantees, which are those of
 * each tier of a host.
 */
export class SharedTier implements AsyncDisposable {
  readonly #deps: SharedTierDeps;
  readonly #process: StoreProcess;
  readonly #writes: WriteBehind;
  readonly #looks: Periodic;
  readonly #unsubscribe: () => void;
  /** SHA-256 -> bytes, of the contents in the last listing of the bucket and those written since. */
  #there = new Map<string, number>();
  /** Folder of a source's notes -> its content in the last listing. */
  #notes = new Map<string, SourceNote>();
  #listedAt = 0;
  /** Time of the last request for a source that is away. */
  #askedAt = Number.NEGATIVE_INFINITY;
  #totals = { files: 0, bytes: 0, reserved: 0 };
  #counts = { writtenBytes: 0, readBytes: 0, evictions: 0 };
  /** Bytes per second of the reads from it; null before the first. */
  #speed: number | null = null;
  #why: string | null = null;
  #awayUntil = 0;
  #isCounted = false;
  #hasEnded = false;

  constructor(deps: SharedTierDeps) {
    this.#deps = deps;
    this.#process = new StoreProcess(deps.store.at, deps.environment, { written: (sha256) => void this.#writes.renew(sha256) });
    this.#writes = this.#writing();
    this.#looks = new Periodic(() => this.#look(), { everyMs: () => this.#pause(), onError: (error) => this.#failed(error) });
    this.#unsubscribe = deps.events.subscribe((name, event) => {
      // Contents that others have written since may be needed now.
      if (name === 'root-health' && (event as EventMap['root-health']).health !== 'ok') void this.#looks.now();
      if (name !== 'job-done') return;
      const { path, tier } = event as { path: string; tier: string };
      if (tier === defaultTier) this.#writes.add(path);
    });
  }

  /** Lists the bucket, now and periodically. */
  begin(): void {
    void this.#looks.now();
  }

  view(): SharedView {
    const { store } = this.#deps;
    const state = this.#why === null ? 'up' : 'away';
    return { url: addressOf(store), state, why: this.#why, ...this.#totals, limit: store.limit, ...this.#counts };
  }

  /** Whether it has the content of a source; null = unknown. */
  async has(source: KnownSource): Promise<boolean | null> {
    const sha256 = this.#sha256Of(source);
    return sha256 === null ? null : this.#deps.ledger.has(sha256).catch(() => null);
  }

  /** The same from the last listing, without a request. */
  hadLast(source: KnownSource): boolean | null {
    const sha256 = this.#sha256Of(source);
    return sha256 === null ? null : this.#there.has(sha256);
  }

  /**
   * The last known fingerprint of a source, here or on the host that has written its content, if the store may give that content
   * without the source. Asks no disk.
   */
  withoutSource(source: KnownSource): Fingerprint | null {
    if (!this.#isAsked()) return null;
    this.#askedAt = performance.now();
    const known = this.#knownOf(source.path);
    if (known && this.#there.has(known.sha256)) return known.fingerprint;
    const note = this.#noteOf(source);
    // Another host may have written it since.
    if (!note && performance.now() - this.#listedAt > lookAgainMs) void this.#looks.now();
    return note && { size: note.size, mtimeNs: note.mtimeNs, ino: null };
  }

  /**
   * The place of a source's content in the store, if reading it there is better; null otherwise. Waits at most some seconds.
   * @param isAway the source does not answer
   */
  async sourceOf(file: SourceFile, medium: Medium, isAway = false): Promise<StoreOrigin | null> {
    if (!this.#isAsked() || !(isAway || this.#isFaster(file, medium))) return null;
    try {
      const late = new CacheError('SOURCE_AWAY', 'the shared store does not answer in time');
      const found = await within(this.#find(file), askMs, late);
      if (found instanceof CacheError) throw found;
      this.#why = null;
      return found === null ? null : { at: this.#deps.store.at, key: contentKey(found), sha256: found };
    } catch (error) {
      this.#failed(error);
      return null;
    }
  }

  /** A copy was made from it. @param ms time spent reading */
  took({ sha256 }: StoreOrigin, bytes: number, ms: number): void {
    this.#counts.readBytes += bytes;
    const speed = bytes / Math.max(1, ms / 1000);
    this.#speed = this.#speed === null ? speed : this.#speed + newShare * (speed - this.#speed);
    void this.#deps.ledger.wanted(sha256).catch(() => {});
  }

  /** A copy could not be made from it. An object whose bytes differ from its name is removed. */
  gaveNothing({ sha256 }: StoreOrigin, error: unknown): void {
    const { code } = toCacheError(error);
    if (code === 'HASH_MISMATCH') {
      this.#deps.log.warn({ sha256 }, 'a content of the shared store is damaged, and is removed from it');
      void this.#writes.between(() => this.#remove(sha256)).catch((failure) => this.#failed(failure));
    } else if (code === 'SOURCE_MISSING') {
      this.#there.delete(sha256);
      void this.#deps.ledger.removed(sha256).catch(() => {});
    } else this.#failed(error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#hasEnded = true;
    this.#unsubscribe();
    this.#process[Symbol.dispose]();
    await this.#looks[Symbol.asyncDispose]();
    await this.#writes.settled();
  }

  #isAsked(): boolean {
    return !this.#hasEnded && this.#deps.mode() !== 'off' && performance.now() >= this.#awayUntil;
  }

  /** Whether the store is faster than the source; a store without a measured speed counts as faster. */
  #isFaster({ root }: SourceFile, medium: Medium): boolean {
    return this.#speed === null || this.#speed > this.#deps.speedOf(root, medium);
  }

  async #find(file: SourceFile): Promise<string | null> {
    const known = this.#knownOf(file.path);
    const isSame = known !== null && isSameFingerprint(known.fingerprint, file.fingerprint);
    const { size } = file.fingerprint;
    if (isSame && (await this.#process.call.holds(known.sha256, size))) return known.sha256;
    for (const note of await this.#process.call.notesIn(notesFolder(file)))
      if (isOf(note, file.fingerprint) && (await this.#process.call.holds(note.sha256, size))) return note.sha256;
    return null;
  }

  #sha256Of(source: KnownSource): string | null {
    return this.#knownOf(source.path)?.sha256 ?? this.#noteOf(source)?.sha256 ?? null;
  }

  /** The note of others on a source; for a source known here, only a note on its present fingerprint. */
  #noteOf(source: KnownSource): SourceNote | null {
    const note = this.#notes.get(notesFolder(source));
    if (!note || !this.#there.has(note.sha256)) return null;
    const entry = this.#deps.catalog.entries.byPath(source.path);
    return !entry || isOf(note, entry.fingerprint) ? note : null;
  }

  #knownOf(path: string): { sha256: string; fingerprint: Fingerprint } | null {
    const { catalog } = this.#deps;
    const entry = catalog.entries.byPath(path);
    const sha256 = entry ? catalog.contents.sha256Of(entry.id) : null;
    return entry && sha256 !== null ? { sha256, fingerprint: entry.fingerprint } : null;
  }

  async #look(): Promise<void> {
    if (!this.#isAsked()) return;
    await this.#process.call.abortBefore(this.#deps.now() - staleMs);
    await this.#list();
    this.#writes.goOn();
  }

  #writing(): WriteBehind {
    return new WriteBehind({
      ...this.#deps,
      worker: () => this.#process.call,
      mayWrite: () => this.#isAsked() && this.#deps.mode() === 'read-write',
      list: () => this.#list(),
      remove: (sha256) => this.#remove(sha256),
      onWritten: (sha256, bytes) => {
        this.#there.set(sha256, bytes);
        this.#counts.writtenBytes += bytes;
        void this.#count();
      },
      onEvicted: () => {
        this.#counts.evictions++;
      },
      onFailed: (error) => this.#failed(error),
    });
  }

  async #count(): Promise<void> {
    this.#totals = await this.#deps.ledger.totals().catch(() => this.#totals);
  }

  async #list(): Promise<void> {
    const { contents, notes } = await this.#process.call.list();
    this.#there = contents;
    this.#notes = notes;
    this.#listedAt = performance.now();
    this.#why = null;
    this.#isCounted = await this.#agrees();
  }

  /** Whether the ledger agrees with the bucket: a Redis may not have answered yet. */
  async #agrees(): Promise<boolean> {
    try {
      await this.#deps.ledger.agreeWith(this.#there);
      this.#totals = await this.#deps.ledger.totals();
      return true;
    } catch (error) {
      this.#deps.log.debug({ why: messageOf(error) }, 'what the shared store holds could not be noted');
      return false;
    }
  }

  #pause(): number {
    if (this.#why !== null) return awayMs;
    if (!this.#isCounted) return soonMs;
    if (performance.now() - this.#askedAt < inUseMs) return lookAgainMs;
    return this.#writes.isBehind ? reservationMs : listMs;
  }

  /** Removes the bytes first, then their row, so that the limit always holds. */
  async #remove(sha256: string): Promise<void> {
    await this.#process.call.remove(sha256);
    this.#there.delete(sha256);
    await this.#deps.ledger.removed(sha256);
  }

  #failed(error: unknown): void {
    if (this.#hasEnded) return;
    const why = messageOf(error);
    if (this.#why === null) this.#deps.log.warn({ why }, 'the shared store is left alone for a minute');
    this.#why = why;
    this.#awayUntil = performance.now() + awayMs;
  }
}

function isOf(note: SourceNote, { size, mtimeNs }: Fingerprint): boolean {
  return note.size === size && note.mtimeNs === mtimeNs;
}

/** The address of a store, for display. */
function addressOf({ at }: SharedStore): string {
  return at.url.replace(/\?.*$/s, '');
}
