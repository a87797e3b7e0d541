import { createHash, randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Catalog } from '../catalog/catalog.ts';
import { CacheError, messageOf } from '../core/errors.ts';
import type { SharedStore } from '../core/remote.ts';
import { type Copy, defaultTier, type Entry } from '../core/types.ts';
import type { Log } from '../runtime/log.ts';
import { Serial } from '../runtime/serial.ts';
import type { Tiers } from '../tiers/tiers.ts';
import { freshScore, reservationMs, type SharedLedger } from './ledger.ts';
import type { StoreWorker } from './store-messages.ts';
import { noteKey, type RoomClaim } from './store-names.ts';

export interface WriteBehindParts {
  store: SharedStore;
  ledger: SharedLedger;
  catalog: Catalog;
  tiers: Tiers;
  /** @throws CacheError CANCELLED when the daemon stops */
  worker(): Pick<StoreWorker, 'sha256Of' | 'note' | 'write' | 'claim' | 'unclaim'>;
  /** Whether the store may be written to now. */
  mayWrite(): boolean;
  /** Lists the bucket and updates the ledger. */
  list(): Promise<void>;
  /** Removes a content from the store. */
  remove(sha256: string): Promise<void>;
  /** A content was written. */
  onWritten(sha256: string, bytes: number): void;
  onEvicted(): void;
  onFailed(error: unknown): void;
  log: Log;
  now(): number;
}

/** The setting that keeps pending writes over a restart. */
const settingKey = 'shared-unwritten';
const hostKey = 'shared-host';
/** Maximum number of pending writes kept, the latest ones. */
const mostKept = 1000;
/** Retries of hosts whose claims collide, each after a random pause: their number, and the maximum pause, ms. */
const tries = 6;
const longestPause = 3000;

/** Writes copies into the store, one after the other, at low priority; failed writes are retried later. */
export class WriteBehind {
  readonly #parts: WriteBehindParts;
  readonly #turns = new Serial();
  /** Sources with pending writes, each with the number of its latest copy; the latest last. */
  readonly #unwritten: Map<string, number>;
  #copies = 0;
  readonly #host: string;
  /** The claim of the write in progress of a host with its own ledger, and the time of its announcement. */
  #claim: (RoomClaim & { toldAt: number }) | null = null;

  constructor(parts: WriteBehindParts) {
    this.#parts = parts;
    this.#host = hostIn(parts.catalog);
    this.#unwritten = new Map(kept(parts.catalog).map((path) => [path, 0]));
  }

  /** A copy of this source was made. */
  add(path: string): void {
    this.#unwritten.delete(path);
    this.#unwritten.set(path, ++this.#copies);
    const [oldest] = this.#unwritten.keys();
    if (this.#unwritten.size > mostKept && oldest !== undefined) this.#unwritten.delete(oldest);
    this.#keep();
    void this.#turns.run(() => this.#write(path));
  }

  /** Whether writes are pending. */
  get isBehind(): boolean {
    return this.#unwritten.size > 0;
  }

  /** Retries pending writes: the store was away, or this daemon ended meanwhile. */
  goOn(): void {
    for (const path of this.#unwritten.keys()) void this.#turns.run(() => this.#write(path));
  }

  /** Runs work between two writes. */
  between(work: () => Promise<void>): Promise<void> {
    return this.#turns.run(work);
  }

  settled(): Promise<void> {
    return this.#turns.settled();
  }

  /** Renews the reservation of a content while its bytes are written. */
  async renew(sha256: string): Promise<void> {
    await this.#parts.ledger.renew(sha256).catch(() => {});
    const claim = this.#claim;
    if (claim === null || performance.now() - claim.toldAt < reservationMs / 10) return;
    claim.toldAt = performance.now();
    await this.#parts
      .worker()
      .claim(claimOf(claim))
      .catch(() => {});
  }

  /** Never rejects: a copy that is not in the store is read from its origin. */
  async #write(path: string): Promise<void> {
    const copy = this.#unwritten.get(path);
    if (copy === undefined || !this.#parts.mayWrite()) return;
    try {
      // A newer copy gets its own turn.
      if (!(await this.#writeCopy(path)) || this.#unwritten.get(path) !== copy) return;
      this.#unwritten.delete(path);
      this.#keep();
    } catch (error) {
      // Without the ledger nothing is written, and present contents are still read.
      if (error instanceof CacheError) this.#parts.onFailed(error);
      else this.#parts.log.debug({ path, why: messageOf(error) }, 'a copy was not written to the shared store');
    }
  }

  /** @returns whether the copy needs no further write */
  async #writeCopy(path: string): Promise<boolean> {
    const { catalog, tiers, ledger, store } = this.#parts;
    const entry = catalog.entries.byPath(path);
    const ready = entry ? catalog.copies.readyOf(entry.id).filter(({ tier }) => tier === defaultTier) : [];
    const copy = entry && tiers.soundCopy(ready, entry.fingerprint);
    if (!entry || !copy || entry.fingerprint.size > store.limit) return true;
    const sha256 = catalog.contents.sha256Of(entry.id) ?? (await this.#parts.worker().sha256Of(copy.path));
    if (sha256 === null) return true;
    await catalog.write(() => catalog.contents.identify(copy, sha256));
    await ledger.wanted(sha256);
    if (ledger.isCommon) return this.#put(entry, copy, { sha256, limit: store.limit });
    return this.#besideOthers(entry, copy, sha256);
  }

  /**
   * Hosts without a common ledger announce their writes in the bucket, and then read the announcements of others. Of two that begin at
   * the same time at least one sees the other; hosts without room beside the others retry after a while.
   */
  async #besideOthers(entry: Entry, copy: Copy, sha256: string): Promise<boolean> {
    const { store, list } = this.#parts;
    for (let left = tries; left > 0; left--) {
      this.#claim = { sha256, bytes: entry.fingerprint.size, host: this.#host, toldAt: performance.now() };
      const claim = claimOf(this.#claim);
      try {
        const others = await this.#parts.worker().claim(claim);
        // Listed after the claim: a write of another host is then in the bucket or still claimed, and does not leave for this one.
        await list();
        const isWritten = others.some((other) => other.sha256 === sha256);
        const taken = others.reduce((sum, { bytes }) => sum + bytes, 0);
        const isDone = !isWritten && (await this.#put(entry, copy, { sha256, limit: store.limit - taken }));
        if (isDone || taken === 0) return isDone;
      } finally {
        this.#claim = null;
        await this.#parts
          .worker()
          .unclaim(claim)
          .catch(() => {});
      }
      await sleep(Math.random() * longestPause, undefined, { ref: false });
    }
    return false;
  }

  /** @returns false when another host writes it, or when room is missing beside the writes of others */
  async #put(entry: Entry, copy: Copy, { sha256, limit }: { sha256: string; limit: number }): Promise<boolean> {
    const { ledger, store, log } = this.#parts;
    const { size, mtimeNs } = entry.fingerprint;
    const note = noteKey(entry, { sha256, size, mtimeNs });
    const answer = await this.#reserve(sha256, size, limit);
    if (answer === 'there') await this.#parts.worker().note(note);
    // The other host may end before it has written it; then this one retries.
    if (answer === 'busy') return false;
    if (answer !== 'reserved') return answer === 'there' || limit === store.limit;
    try {
      await this.#parts.worker().write({ path: copy.path, size, sha256, noteKey: note });
      await ledger.written(sha256, size);
    } catch (error) {
      await ledger.release(sha256).catch(() => {});
      throw error;
    }
    this.#parts.onWritten(sha256, size);
    log.info({ path: entry.path, bytes: size }, 'written to the shared store');
    return true;
  }

  /** Makes room by removing contents in less demand. */
  async #reserve(sha256: string, bytes: number, limit: number): ReturnType<SharedLedger['reserve']> {
    const { ledger, now } = this.#parts;
    if (bytes > limit) return 'full';
    const score = (await ledger.scoreOf(sha256)) || freshScore(now());
    for (;;) {
      const answer = await ledger.reserve(sha256, bytes, limit);
      if (answer !== 'full') return answer;
      const least = await ledger.least();
      if (least === null || least.score >= score) return 'full';
      await this.#parts.remove(least.sha256);
      this.#parts.onEvicted();
    }
  }

  #keep(): void {
    const { catalog, log } = this.#parts;
    const text = JSON.stringify([...this.#unwritten.keys()]);
    catalog
      .write(() => catalog.settings.set(settingKey, text, ''))
      .catch((err: unknown) => log.debug({ err }, 'what is to be written to the shared store was not kept'));
  }
}

function claimOf({ sha256, bytes, host }: RoomClaim): RoomClaim {
  return { sha256, bytes, host };
}

/**
 * Name of this host in its claims, kept over restarts: the claim of a killed host is its own at the next start. Machines made from one
 * disk image differ by their host names.
 */
function hostIn({ settings }: Pick<Catalog, 'settings'>): string {
  const kept = settings.get(hostKey, '') ?? randomBytes(8).toString('hex');
  settings.set(hostKey, kept, '');
  return createHash('sha256').update(`${kept} ${hostname()}`).digest('hex').slice(0, 8);
}

function kept({ settings }: Pick<Catalog, 'settings'>): string[] {
  try {
    const paths: unknown = JSON.parse(settings.get(settingKey, '') ?? '[]');
    return Array.isArray(paths) ? paths.filter((path) => typeof path === 'string') : [];
  } catch {
    return [];
  }
}
