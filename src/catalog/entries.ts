import { sep } from 'node:path';
import type { EntriesQuery, EntrySort } from '../api/entries.ts';
import { afterUse, type Demand, demandFrom } from '../core/demand.ts';
import { type FarmDemandSource, farmCountsOf } from '../core/farm-wishes.ts';
import type { Entry, Fingerprint, SourceFile } from '../core/types.ts';
import { noVotes, withUse } from '../core/votes.ts';
import type { Database } from '../sqlite/database.ts';
import { demandBytes, demandOf, SavedHabits } from './demand-columns.ts';
import { type LibraryRow, libraryRows } from './library-rows.ts';
import { Pins } from './pin-rules.ts';

export interface EntryRow {
  id: number;
  path: string;
  root: string;
  rel: string;
  category: string | null;
  size: number;
  mtime_ns: string;
  ctime_ns: string | null;
  ino: string | null;
  uses: number;
  last_use: number;
  last_used_at: number | null;
  pinned: number;
  votes: number;
  voted_at: number | null;
  demand: Buffer | null;
}

const orders: Record<EntrySort, string> = {
  name: 'e.rel',
  size: 'e.size',
  uses: 'e.uses',
  lastUsed: 'e.last_use',
  category: 'e.category',
};

/** SQL: a source is unchanged. */
const isSame =
  'size = excluded.size AND mtime_ns = excluded.mtime_ns AND coalesce(ino = excluded.ino, 1) AND coalesce(ctime_ns = excluded.ctime_ns, 1)';

/** The part of an entry that tells whether its source has changed. */
type KnownSource = Pick<Entry, 'id' | 'path' | 'fingerprint'>;
type KnownRow = Pick<EntryRow, 'id' | 'path' | 'size' | 'mtime_ns' | 'ctime_ns' | 'ino'>;

const knownColumns = 'id, path, size, mtime_ns, ctime_ns, ino';

function knownOf(row: KnownRow): KnownSource {
  return { id: row.id, path: row.path, fingerprint: fingerprintOf(row) };
}

/** The sources in the catalog. */
export class Entries {
  readonly #db: Database;
  readonly habits: SavedHabits;
  readonly pins: Pins;
  /** Null = this host counts alone. */
  farm: FarmDemandSource | null = null;

  constructor(db: Database) {
    this.#db = db;
    this.habits = new SavedHabits(db);
    this.pins = new Pins(db);
  }

  byPath(path: string): Entry | undefined {
    return toEntry(this.#db.get<EntryRow>('SELECT * FROM entries WHERE path = ?', path));
  }

  byId(id: number): Entry | undefined {
    return toEntry(this.#db.get<EntryRow>('SELECT * FROM entries WHERE id = ?', id));
  }

  /** Entries of a category with this path below their root: finds a file while its source is away. */
  byName(category: string, rel: string): Entry[] {
    return this.#db.all<EntryRow>('SELECT * FROM entries WHERE category = ? AND rel = ?', category, rel).map(entryOf);
  }

  /** Sources of a root below one of its directories, in the order of their paths, at most `most` of them, after `after`. */
  pageBelow(root: string, { directory, after, most }: { directory: string; after: string; most: number }): KnownSource[] {
    const { first, last } = rangeBelow(directory);
    const sql = `SELECT ${knownColumns} FROM entries WHERE root = ? AND path > ? AND path < ? ORDER BY path LIMIT ?`;
    return this.#db.all<KnownRow>(sql, root, after > first ? after : first, last, most).map(knownOf);
  }

  /** The same of one source. */
  known(path: string): KnownSource | undefined {
    const row = this.#db.get<KnownRow>(`SELECT ${knownColumns} FROM entries WHERE path = ?`, path);
    return row && knownOf(row);
  }

  /** Adds the source or updates its fingerprint; a changed one loses its content. Use counts stay. */
  put(file: SourceFile): Entry {
    const { size, mtimeNs, ctimeNs = null, ino } = file.fingerprint;
    const row = this.#db.write<EntryRow>(
      `INSERT INTO entries (path, root, rel, category, size, mtime_ns, ctime_ns, ino, pinned) VALUES (?, ?, ?, ?, ?, ?, ?, ?,
         ? OR EXISTS (SELECT 1 FROM pinned_directories d WHERE substr(?, 1, length(d.path)) = d.path))
       ON CONFLICT (path) DO UPDATE SET root = excluded.root, rel = excluded.rel,
         category = coalesce(excluded.category, category), size = excluded.size, mtime_ns = excluded.mtime_ns,
         ino = CASE WHEN size = excluded.size AND mtime_ns = excluded.mtime_ns THEN coalesce(excluded.ino, ino) ELSE excluded.ino END,
         ctime_ns = CASE WHEN size = excluded.size AND mtime_ns = excluded.mtime_ns THEN coalesce(excluded.ctime_ns, ctime_ns)
           ELSE excluded.ctime_ns END,
         content_id = iif(${isSame}, content_id, NULL), identified = iif(${isSame}, identified, 0)
       RETURNING *`,
      file.path,
      file.root,
      file.rel,
      file.category,
      size,
      mtimeNs,
      ctimeNs,
      ino,
      Number(this.pins.hold(file)),
      file.path,
    );
    return entryOf(row);
  }

  /** @param tick logical time of the last of these uses  @param at its wall clock in ms, for people and for votes, which fade */
  addUses(id: number, uses: number, tick: number, at: number): void {
    const before = this.byId(id);
    const { votes, votedAt } = withUse(before ?? noVotes, at);
    const known = this.habits.get();
    const inFarm = before ? farmCountsOf(this.farm?.heard() ?? null, before, at) : null;
    const { demand, habits, told } = afterUse(before ? demandBefore(before) : null, known ?? this.habits.first(at), at, inFarm);
    this.#db.run(
      `UPDATE entries SET uses = uses + ?, last_use = ?, last_used_at = ?, votes = ?, voted_at = ?, demand = ?,
         told_wishes = coalesce(?, told_wishes) WHERE id = ?`,
      uses,
      tick,
      at,
      votes + told,
      votedAt,
      demandBytes(demand),
      told > 0 ? told : null,
      id,
    );
    if (habits !== known) this.habits.set(habits);
    if (before && votedAt !== before.votedAt) this.farm?.wished(before);
  }

  /** Wishes of other hosts that a source's counts began with; null = none. */
  toldWishesOf(id: number): number | null {
    return this.#db.get<{ told: number | null }>('SELECT told_wishes AS told FROM entries WHERE id = ?', id)?.told ?? null;
  }

  /** Pins a file by its name, or unpins it whatever held it. */
  setPinned(id: number, pinned: boolean): void {
    this.#db.run('UPDATE entries SET pinned = @pinned, pinned_alone = @pinned WHERE id = @id', { id, pinned: pinned ? 1 : 0 });
  }

  /** Pins a file by a rule, or unpins it when the rule has ended. @returns whether it is pinned: its name or another rule may hold it */
  setHeld(entry: Entry, pinned: boolean): boolean {
    const held = Number(pinned || this.pins.hold(entry));
    const sql = `UPDATE entries SET pinned = ? OR pinned_alone
      OR EXISTS (SELECT 1 FROM pinned_directories d WHERE substr(entries.path, 1, length(d.path)) = d.path) WHERE id = ? RETURNING pinned`;
    return this.#db.write<{ pinned: number }>(sql, held, entry.id).pinned === 1;
  }

  /**
   * Pins all files below a directory, and those that appear there later, until the directory is unpinned. Files pinned by their names
   * or by another rule stay pinned.
   */
  setPinnedBelow(directory: string, pinned: boolean): void {
    const prefix = prefixOf(directory);
    this.#db.run('DELETE FROM pinned_directories WHERE substr(path, 1, length(?)) = ?', prefix, prefix);
    if (pinned) this.#db.run('INSERT INTO pinned_directories VALUES (?)', prefix);
    for (const entry of this.below(directory)) if (pinned !== entry.pinned) this.setHeld(entry, pinned);
  }

  pinnedDirectories(): string[] {
    return this.#db.all<{ path: string }>('SELECT path FROM pinned_directories ORDER BY path').map(({ path }) => path);
  }

  below(directory: string): Entry[] {
    const { first, last } = rangeBelow(directory);
    return this.#db.all<EntryRow>('SELECT * FROM entries WHERE path > ? AND path < ? ORDER BY path', first, last).map(entryOf);
  }

  /** Entries whose paths start like this; found by the index. */
  startingWith(prefix: string): Entry[] {
    const sql = 'SELECT * FROM entries WHERE path >= ? AND path < ? ORDER BY path';
    return this.#db.all<EntryRow>(sql, prefix, prefix + lastCharacter).map(entryOf);
  }

  /** The roots of all entries. */
  roots(): string[] {
    return this.#db.all<{ root: string }>('SELECT DISTINCT root FROM entries').map(({ root }) => root);
  }

  /** Highest logical time in the catalog. */
  lastTick(): number {
    return this.#db.get<{ tick: number | null }>('SELECT max(last_use) AS tick FROM entries')?.tick ?? 0;
  }

  /** Filtered, sorted and paged; the caller applies `glob`. */
  list(query: EntriesQuery): Entry[] {
    const { limit = -1, offset = 0 } = query;
    return this.#select<EntryRow>('e.*', query, { limit, offset }).map(entryOf);
  }

  /** All entries with the totals of their copies, in pages. */
  library(): Generator<LibraryRow> {
    return libraryRows(this.#db);
  }

  /** The names of all entries that fit, sorted and without pages. */
  names(query: EntriesQuery): Pick<Entry, 'id' | 'path' | 'rel' | 'category'>[] {
    return this.#select('e.id, e.path, e.rel, e.category', query, { limit: -1, offset: 0 });
  }

  /** The number of those. */
  count(query: EntriesQuery): number {
    const sql = `SELECT count(*) AS count FROM entries e WHERE ${filters}`;
    return this.#db.get<{ count: number }>(sql, filtersOf(query))?.count ?? 0;
  }

  #select<Row>(columns: string, query: EntriesQuery, page: { limit: number; offset: number }): Row[] {
    const order = orders[query.sort ?? 'lastUsed'];
    const descending = query.descending ?? (query.sort ?? 'lastUsed') === 'lastUsed';
    return this.#db.all<Row>(
      `SELECT ${columns} FROM entries e WHERE ${filters}
       ORDER BY ${order} ${descending ? 'DESC' : 'ASC'}, e.path LIMIT @limit OFFSET @offset`,
      { ...filtersOf(query), ...page },
    );
  }
}

const filters = `(@category IS NULL OR e.category = @category) AND (@root IS NULL OR e.root = @root)
  AND (@pinned IS NULL OR e.pinned = @pinned)
  AND (@cached IS NULL OR @cached = EXISTS (SELECT 1 FROM copies c WHERE c.entry_id = e.id AND c.state = 'ready'))
  AND (@tier IS NULL OR EXISTS (SELECT 1 FROM copies c WHERE c.entry_id = e.id AND c.state = 'ready' AND c.tier = @tier))`;

function filtersOf({ category, root, pinned, cached, tier }: EntriesQuery) {
  return {
    category: category ?? null,
    root: root ?? null,
    pinned: flag(pinned),
    cached: flag(cached),
    tier: tier ?? null,
  };
}

/** All paths below a directory are between these two, in the order of their bytes, and no others. */
function rangeBelow(directory: string): { first: string; last: string } {
  const first = prefixOf(directory);
  return { first, last: first.slice(0, -1) + String.fromCharCode(sep.charCodeAt(0) + 1) };
}
/** Sorts after every other character in the order of the index. */
const lastCharacter = '\u{10FFFF}';

function prefixOf(directory: string): string {
  return directory.endsWith(sep) ? directory : directory + sep;
}

function flag(value: boolean | undefined): number | null {
  return value === undefined ? null : Number(value);
}

function toEntry(row: EntryRow | undefined): Entry | undefined {
  return row && entryOf(row);
}

/** The row as the type of the program. */
export function entryOf(row: EntryRow): Entry {
  return {
    id: row.id,
    path: row.path,
    root: row.root,
    rel: row.rel,
    category: row.category,
    fingerprint: fingerprintOf(row),
    uses: row.uses,
    lastUse: row.last_use,
    lastUsedAt: row.last_used_at,
    pinned: row.pinned === 1,
    votes: row.votes,
    votedAt: row.voted_at,
    demand: demandOf(row.demand),
  };
}

/** A source counted only in votes so far takes its demand from them. */
function demandBefore({ demand = null, votes, votedAt }: Entry): Demand | null {
  return demand ?? (votedAt === null ? null : demandFrom(votes, votedAt));
}

function fingerprintOf(row: Pick<EntryRow, 'size' | 'mtime_ns' | 'ctime_ns' | 'ino'>): Fingerprint {
  const { size, mtime_ns: mtimeNs, ctime_ns: ctimeNs, ino } = row;
  return { size, mtimeNs, ...(ctimeNs !== null && { ctimeNs }), ino };
}
