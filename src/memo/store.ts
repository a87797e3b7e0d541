import { join } from 'node:path';
import { withUse } from '../core/votes.ts';
import type { Clock } from '../runtime/clock.ts';
import { Database } from '../sqlite/database.ts';
import { BlobFiles } from './blob-files.ts';
import { type Blob, Blobs } from './blobs.ts';
import { Entries } from './entries.ts';
import { type Entry, inlineBytes, type Value } from './entry.ts';
import { GraphRows } from './graph-rows.ts';
import { InUse } from './in-use.ts';
import { Namespaces } from './namespaces.ts';
import { Publisher } from './publisher.ts';
import { Recent } from './recent.ts';
import { RepeatableClasses } from './repeatable.ts';
import { Room, type RoomDeps } from './room.ts';
import { memoSchema } from './schema.ts';
import { Owed, type SharedWith } from './shared-layer/owed.ts';
import { Meanings } from './similar/meanings.ts';
import { MemoUsage } from './usage.ts';

export interface StoreDeps extends Pick<RoomDeps, 'bound' | 'free'> {
  /** Its directory, which has a marker. */
  dir: string;
  clock: Clock;
  /** Maximum bytes in memory. */
  ramBytes: number;
  /** The Redis that results are shared in; null = not shared. */
  sharedWith: SharedWith | null;
  /** Whether the owed changes of an earlier file of results were lost. */
  isOwedLost: boolean;
  /** Work after an answer failed, or the file was found to be damaged. */
  onTrouble(error: unknown): void;
  /** A blob is missing or does not match its name; `removed` results that used it are gone. Called once for each blob. */
  onDamaged(sha256: string, removed: number): void;
}

/** The properties of a result when it is stored. */
export interface NewEntry extends Pick<Entry, 'ns' | 'key' | 'epoch' | 'costMs' | 'freshUntil' | 'endsAt' | 'label' | 'deps'> {
  value: Value;
  tags: readonly string[];
  /** Time of its computation, if that was earlier. */
  createdAt?: number;
  /** It came from Redis, so Redis need not receive it. */
  isShared?: true;
}

const noneHeld = { items: 0, inlineBytes: 0, blobs: 0, blobBytes: 0, vectorBytes: 0, tick: 0 };

/** Results on the disk and in memory: rows, blobs and memory agree after every call. */
export class Store implements Disposable {
  readonly #deps: StoreDeps;
  readonly #db: Database;
  readonly #recent: Recent;
  /** Number and size of a namespace's entries, once requested. */
  readonly #heldBy = new Map<string, { items: number; bytes: number }>();
  /** Bytes of blobs whose files are being removed. */
  #leaving = 0;
  #tick: number;
  readonly entries: Entries;
  readonly blobs: Blobs;
  readonly files: BlobFiles;
  readonly namespaces: Namespaces;
  readonly usage: MemoUsage;
  readonly meanings: Meanings;
  readonly room: Room;
  readonly classes: RepeatableClasses;
  readonly graphs: GraphRows;
  /** Changes that Redis has yet to receive. */
  readonly owed: Owed;
  /** Blobs that were handed out to programs. */
  readonly inUse: InUse;
  /** Blobs whose results are still to come. */
  readonly uploads: InUse;
  readonly publisher: Publisher;
  /** The lock of the file of results, which another program may hold. */
  readonly lock: Pick<Database, 'isWritable' | 'writable'>;
  /** Why the file of results was set aside, or null. */
  readonly damaged: string | null;

  /** @throws CacheError BAD_CONFIG when a newer version has written the file */
  constructor(deps: StoreDeps) {
    const { database, damaged } = Database.open(join(deps.dir, 'memo.db'), memoSchema, deps.onTrouble);
    this.#deps = deps;
    this.#db = database;
    this.lock = database;
    this.damaged = damaged;
    this.blobs = new Blobs(database);
    this.entries = new Entries(database, this.blobs);
    this.files = new BlobFiles(deps.dir);
    this.namespaces = new Namespaces(database);
    this.usage = new MemoUsage(database, this.entries, deps.clock);
    this.graphs = new GraphRows(database);
    this.classes = new RepeatableClasses(database, deps.clock);
    this.inUse = new InUse(deps.clock);
    this.uploads = new InUse(deps.clock);
    const { files, blobs } = this;
    this.publisher = new Publisher({ files, blobs, clock: deps.clock, onLost: (sha256, error) => this.#lost(sha256, error) });
    this.#recent = new Recent(deps.ramBytes);
    this.meanings = new Meanings(database, { limit: deps.ramBytes, claim: (bytes) => this.#recent.claim(bytes) });
    this.#tick = this.#totals().tick;
    this.owed = new Owed(database, deps.sharedWith, { isLost: damaged !== null || deps.isOwedLost });
    this.room = new Room({
      ...deps,
      held: () => this.held(),
      leastWorth: (most) => this.leastWorth(most),
      isInUse: (id) => this.isInUse(id),
      evict: (id) => this.evict(id),
    });
    database.answerFirst();
  }

  held(): { items: number; bytes: number; blobs: number } {
    const { items, inlineBytes, blobs, blobBytes, vectorBytes } = this.#totals();
    return { items, bytes: inlineBytes + blobBytes + vectorBytes + this.#leaving, blobs };
  }

  /** Entries of a namespace, and their bytes with those of its vectors: a blob counts for each entry that has it. */
  heldBy(ns: string): { items: number; bytes: number } {
    const held = this.#heldBy.get(ns) ?? this.entries.sum({ ns });
    this.#heldBy.set(ns, held);
    return { ...held, bytes: held.bytes + this.meanings.texts.bytesOf(ns) };
  }

  get ram(): { items: number; bytes: number; limit: number } {
    const { items, bytes, limit } = this.#recent;
    return { items, bytes, limit };
  }

  /** The entry, if it has not expired and its blobs match their seals; else it is removed. */
  find(ns: string, key: string): { entry: Entry; layer: 'ram' | 'disk' } | undefined {
    const recent = this.#recent.get(ns, key);
    const read = recent ?? this.entries.find(ns, key);
    if (!read) return undefined;
    const entry = this.usage.pending(read.id) ?? read;
    const isOver = entry.endsAt !== null && entry.endsAt <= this.#deps.clock.now();
    if (entry.epoch !== this.namespaces.of(ns).epoch || isOver) {
      this.removeBehind([entry.id]);
      return undefined;
    }
    const damaged = entry.blobs.filter((blob) => !this.isSound(blob));
    if (damaged.length > 0) {
      for (const { sha256 } of damaged) this.dropDamaged(sha256).catch(this.#deps.onTrouble);
      return undefined;
    }
    if (!recent) this.#recent.put(entry);
    return { entry, layer: recent ? 'ram' : 'disk' };
  }

  /** Counts a use of an entry. */
  used(entry: Entry): void {
    const now = this.#deps.clock.now();
    this.#tick += 1;
    Object.assign(entry, withUse(entry, now), { hits: entry.hits + 1, lastHitAt: now, lastUse: this.#tick });
    this.usage.used(entry);
  }

  /** Keeps a text that was read from its blob. */
  keepInMemory(entry: Entry): void {
    this.#recent.put(entry);
  }

  /** Stores a result, and replaces an earlier one. Its blobs must be stored, and room for it reserved. */
  put({ value, tags, createdAt, isShared, ...told }: NewEntry): Entry {
    const now = this.#deps.clock.now();
    const before = this.entries.find(told.ns, told.key);
    this.#tick += 1;
    const use = { hits: 0, votes: 1, votedAt: now, lastHitAt: null, lastUse: this.#tick };
    const entry = { ...value, ...told, ...use, createdAt: createdAt ?? now };
    const id = this.#db.transaction(() => {
      if (before) this.entries.remove(before.id);
      if (!isShared) this.owed.stored(told.ns, told.key);
      return this.entries.add(entry, new Set(tags));
    });
    this.#count(entry, 1);
    if (before) this.#left(before, { keep: new Set(value.blobs.map(({ sha256 }) => sha256)) }).catch(this.#deps.onTrouble);
    for (const { sha256 } of value.blobs) this.uploads.forget(sha256);
    const stored = { ...entry, id };
    this.#recent.put(stored);
    return stored;
  }

  /** Removes entries; resolves with their bytes when these are free. */
  async remove(ids: readonly number[]): Promise<number> {
    const entries = ids.flatMap((id) => this.entries.byId(id) ?? []);
    if (entries.length === 0) return 0;
    this.#db.transaction(() => {
      for (const { id } of entries) this.entries.remove(id);
    });
    const freed = await Promise.all(entries.map((entry) => this.#left(entry)));
    return freed.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** The same after an answer. */
  removeBehind(ids: readonly number[]): void {
    this.remove(ids).catch(this.#deps.onTrouble);
  }

  /** Whether its file matches its seal and is not doubtful. */
  isSound({ sha256, seal }: Blob): boolean {
    return !this.publisher.isDoubtful(sha256) && this.files.isSealed(sha256, seal);
  }

  #lost(sha256: string, error?: unknown): void {
    if (error !== undefined) this.#deps.onTrouble(error);
    this.dropDamaged(sha256).catch(this.#deps.onTrouble);
  }

  /** Removes a blob that does not match its name, with the entries that use it. @returns the number of these entries */
  async dropDamaged(sha256: string): Promise<number> {
    const blob = this.blobs.find(sha256);
    // A doubtful blob is hashed first.
    if (!blob || this.publisher.isDoubtful(sha256)) return 0;
    const users = this.blobs.usersOf(sha256);
    // The rows of both are gone when these calls return, so a later call does not find it damaged again.
    const removed = this.remove(users);
    // A program that reads it now continues with its bytes.
    const discarded = this.#discard(blob);
    this.#deps.onDamaged(sha256, users.length);
    await Promise.all([removed, discarded]);
    return users.length;
  }

  /** Removes a blob that no entry has and no program reads; resolves when its space is free. */
  async dropBlob(blob: Blob): Promise<number> {
    return this.#isHeld(blob.sha256) ? 0 : this.#discard(blob);
  }

  async #discard({ sha256, seal }: Blob): Promise<number> {
    if (this.blobs.isUsed(sha256)) return 0;
    this.blobs.remove(sha256);
    const leaving = this.files.takeOut(sha256);
    if (leaving === null) return 0;
    this.#leaving += seal.size;
    try {
      await this.files.free(leaving);
    } finally {
      this.#leaving -= seal.size;
    }
    return seal.size;
  }

  flush(): void {
    if (!this.#db.isWritable()) return;
    this.usage.flush(this.#tick);
    this.#db.reserveSpace();
  }

  [Symbol.dispose](): void {
    try {
      this.flush();
    } finally {
      this.#db.close();
    }
  }

  #isHeld(sha256: string): boolean {
    return this.inUse.has(sha256) || this.uploads.has(sha256);
  }

  #count({ ns, bytes }: Pick<Entry, 'ns' | 'bytes'>, items: 1 | -1): void {
    const held = this.#heldBy.get(ns);
    if (held) this.#heldBy.set(ns, { items: held.items + items, bytes: held.bytes + items * bytes });
  }

  #left(entry: Entry, { keep }: { keep?: ReadonlySet<string> } = {}): Promise<number> {
    this.#count(entry, -1);
    this.#recent.remove(entry);
    this.usage.forget(entry.id);
    this.meanings.forget(entry.id);
    const blobs = entry.blobs.filter(({ sha256 }) => !keep?.has(sha256));
    const dropped = Promise.all(blobs.map((blob) => this.dropBlob(blob)));
    return dropped.then((freed) => freed.reduce((sum, bytes) => sum + bytes, inlineBytes(entry)));
  }

  /** Whether a program may be reading it. */
  isInUse(id: number): boolean {
    return this.blobs.ofEntry(id).some(({ sha256 }) => this.#isHeld(sha256));
  }

  /** Removes an entry to make room; resolves with the bytes that it freed. */
  async evict(id: number): Promise<number> {
    const entry = this.entries.byId(id);
    if (!entry) return 0;
    const isOver = entry.endsAt !== null && entry.endsAt <= this.#deps.clock.now();
    if (!isOver) this.usage.add(entry.ns, { evictions: 1 });
    return this.remove([id]);
  }

  /** The entries that leave first, of one namespace or of all: expired ones before those with worth. */
  leastWorth(most: number, ns?: string): number[] {
    this.flush();
    const over = this.entries.over(this.#deps.clock.now(), ns);
    return [...new Set([...over, ...this.entries.leastWorth(most, ns)])];
  }

  #totals(): typeof noneHeld {
    const bytes = 'inline_bytes AS inlineBytes, blob_bytes AS blobBytes, vector_bytes AS vectorBytes';
    return this.#db.get<typeof noneHeld>(`SELECT items, blobs, tick, ${bytes} FROM totals`) ?? noneHeld;
  }
}
