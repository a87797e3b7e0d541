import { tierTraits } from '../core/tier-traits.ts';
import type { Copy, Entry } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import { isDamage } from '../sqlite/damage.ts';
import { Database } from '../sqlite/database.ts';
import type { Schema } from '../sqlite/schema.ts';
import { isBusy } from '../sqlite/trouble.ts';
import { Bases } from './bases.ts';
import { ChangedPlacements } from './changed-placements.ts';
import { Contents } from './contents.ts';
import { Copies } from './copies.ts';
import { Duplicates } from './duplicates.ts';
import { Entries } from './entries.ts';
import { FarmContents } from './farm-contents.ts';
import { SavedForesight } from './foresight.ts';
import { HandedOutPaths } from './handed-out.ts';
import { SavedLoads } from './learned-loads.ts';
import { Loads } from './loads.ts';
import { migrations } from './migrations.ts';
import { Placements } from './placements.ts';
import { PublishedHashes } from './published.ts';
import { RemoteUse } from './remote-use.ts';
import { Respelling } from './respelling.ts';
import { Settings } from './settings.ts';
import { SharedObjects } from './shared-objects.ts';
import { SavedSignIns } from './sign-ins.ts';
import { SavedSpeeds } from './speeds.ts';
import { Usage } from './usage.ts';
import { Variants } from './variants.ts';
import { WrittenCopies } from './written.ts';

/** The catalog's facts of a source for a lookup. */
export interface Found {
  entry: Entry;
  /** Copies that can be served, the fastest tier first. */
  ready: readonly Copy[];
  /** A compressed copy, which must be restored before it can be served. */
  cold: Copy | null;
}

const schema: Schema = {
  name: 'the catalog',
  migrations,
  withoutIt: 'it is rebuilt from the cache directory',
  openWaitMs: 2000,
};

/** Number of sources whose rows are kept in memory between two writes. */
const keepFound = 10_000;

/** The one writer of the catalog: entries, copies, usage and settings over one SQLite file. All methods are synchronous. */
export class Catalog implements Disposable {
  readonly #db: Database;
  #found = new Map<string, Found>();
  #foundAt = -1;
  readonly entries: Entries;
  readonly copies: Copies;
  readonly contents: Contents;
  readonly placements: Placements;
  readonly changedPlacements: ChangedPlacements;
  readonly bases: Bases;
  readonly duplicates: Duplicates;
  readonly respelling: Respelling;
  readonly usage: Usage;
  /** Written with `usage`. */
  readonly loads: Loads;
  readonly settings: Settings;
  readonly learnedLoads: SavedLoads;
  readonly speeds: SavedSpeeds;
  readonly foresight: SavedForesight;
  readonly published: PublishedHashes;
  readonly handedOut: HandedOutPaths;
  readonly written: WrittenCopies;
  readonly signIns: SavedSignIns;
  readonly remoteUse: RemoteUse;
  readonly farmContents: FarmContents;
  readonly variants: Variants;
  readonly sharedObjects: SharedObjects;
  /** Why the file was set aside at opening, or null. The caller rebuilds the copies from the cache directory. */
  readonly damaged: string | null;

  constructor(file: string, clock: Clock) {
    const { database, damaged } = Database.open(file, schema);
    this.#db = database;
    this.damaged = damaged;
    this.entries = new Entries(database);
    this.contents = new Contents(database);
    this.placements = new Placements(database);
    this.bases = new Bases(database);
    this.copies = new Copies(database, { contents: this.contents, placements: this.placements, clock });
    this.changedPlacements = new ChangedPlacements(database);
    this.duplicates = new Duplicates(database);
    this.settings = new Settings(database);
    this.learnedLoads = new SavedLoads(database);
    this.speeds = new SavedSpeeds(database);
    this.foresight = new SavedForesight(database);
    this.published = new PublishedHashes(database);
    this.handedOut = new HandedOutPaths(database);
    this.written = new WrittenCopies(database);
    this.signIns = new SavedSignIns(database);
    this.remoteUse = new RemoteUse(database);
    this.farmContents = new FarmContents(database);
    this.variants = new Variants(database, { placements: this.placements, clock });
    this.sharedObjects = new SharedObjects(database);
    this.respelling = new Respelling(database, this);
    this.loads = new Loads(database, clock);
    this.usage = new Usage(database, this, clock);
  }

  /** The source at `path` with its copies in service. Read again only after a write: lookups come in bursts. */
  find(path: string): Found | undefined {
    if (this.#foundAt !== this.#db.version || this.#found.size > keepFound) {
      this.#found.clear();
      this.#foundAt = this.#db.version;
    }
    let found = this.#found.get(path);
    if (!found) {
      const entry = this.entries.byPath(path);
      if (!entry) return undefined;
      const copies = this.copies.readyOf(entry.id);
      found = { entry, ready: copies.filter(isServable), cold: copies.find(({ tier }) => !tierTraits[tier].servable) ?? null };
      this.#found.set(path, found);
    }
    return found;
  }

  /** Grows with every write. */
  get version(): number {
    return this.#db.version;
  }

  /** Refills the reserved space that is given up when the catalog's disk is full; call it periodically. */
  reserveSpace(): void {
    this.#db.reserveSpace();
  }

  /** Checks a large file for damage, which opening it did not. @throws errors for `replaceIfDamaged` */
  check(signal: AbortSignal): Promise<void> {
    return this.#db.check(signal);
  }

  transaction<T>(work: () => T): T {
    return this.#db.transaction(work);
  }

  /**
   * Sets the file aside when `error` means damage, and continues with an empty one.
   * @returns true when it did; the caller then rebuilds the copies from the cache directory
   */
  replaceIfDamaged(error: unknown): boolean {
    if (!isDamage(error)) return false;
    this.#db.replace();
    return true;
  }

  /** From now on no write delays an answer; a caller that must write waits for `writable` first. */
  answerFirst(): void {
    this.#db.answerFirst();
  }

  /** Whether a write failed because another program held the write lock. */
  isBusy(error: unknown): boolean {
    return isBusy(error);
  }

  /** False while another program holds the write lock. */
  isWritable(): boolean {
    return this.#db.isWritable();
  }

  /** Resolves when no other program holds the write lock. @throws CacheError BUSY when one does for more than 10 s */
  writable(): Promise<void> {
    return this.#db.writable();
  }

  /**
   * Writes as soon as no other program holds the write lock, however long that takes: THE way to write for work that nobody waits for.
   * @throws CacheError CANCELLED when the catalog is closed meanwhile; errors of `work`
   */
  async write<T>(work: () => T): Promise<T> {
    for (let isFree = this.isWritable(); ; isFree = await this.#db.nextAttempt()) {
      try {
        if (isFree) return work();
      } catch (error) {
        if (!isBusy(error)) throw error;
      }
    }
  }

  [Symbol.dispose](): void {
    try {
      this.usage.flush();
    } finally {
      this.#db.close();
    }
  }
}

function isServable({ tier, form }: Copy): boolean {
  return tierTraits[tier].servable && form === 'plain';
}
