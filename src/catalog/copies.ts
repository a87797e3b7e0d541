import { type Copy, type CopyState, defaultTier, type Fingerprint, type Seal, type TierName } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Database } from '../sqlite/database.ts';
import type { Contents } from './contents.ts';
import { copyOf, copyRows, fastestFirst, type Placed, placedRows } from './copy-rows.ts';
import { isOneFile } from './one-file.ts';
import { inPages, pageSize } from './pages.ts';
import type { Placements } from './placements.ts';
import type { Reservation, ReserveRequest } from './reservation.ts';

/** Most copies are ready: the others have their own index. */
const outOfService = "AND c.state <> 'ready'";

/** Conditions for copies; an omitted one matches all. */
export interface PlacedFilter {
  tiers?: readonly TierName[];
  category?: string | undefined;
  root?: string | undefined;
  /** Bytes. */
  largerThan?: number | undefined;
  /** Wall-clock ms; a copy never used counts as used before. */
  usedBefore?: number | undefined;
}

const filters = `(@tiers IS NULL OR c.tier IN (SELECT value FROM json_each(@tiers)))
  AND (@category IS NULL OR e.category = @category) AND (@root IS NULL OR e.root = @root)
  AND (@largerThan IS NULL OR p.bytes > @largerThan) AND (@usedBefore IS NULL OR coalesce(e.last_used_at, 0) < @usedBefore)`;

/** A finished file under its name. */
export interface Published {
  seal: Seal;
  /** Hash of the source's bytes, as is `sha256`. */
  hash: string;
  /** Null if not computed for these bytes. */
  sha256: string | null;
  source: Fingerprint;
}

/** The copies in the tiers: reserved, published, marked and forgotten, each in one transaction. */
export class Copies {
  readonly #db: Database;
  readonly #contents: Contents;
  readonly #placements: Placements;
  readonly #clock: Clock;

  constructor(db: Database, { contents, placements, clock }: { contents: Contents; placements: Placements; clock: Clock }) {
    this.#db = db;
    this.#contents = contents;
    this.#placements = placements;
    this.#clock = clock;
  }

  /** Law 3: nothing is written before `used + reserved + incoming <= limit` and `free - incoming >= floor` hold together. */
  reserve(request: ReserveRequest): Reservation {
    return this.#db.transaction(() => {
      const { tier, bytes, replaces, quota } = request;
      const incoming = bytes - (replaces?.bytes ?? 0);
      const used = this.#placements.usedUnderLimit(tier);
      const short = Math.max(used + incoming - request.limit, request.floor - (request.free - incoming));
      const over = quota ? this.#placements.usedByCategory(tier, quota.category) + incoming - quota.bytes : 0;
      if (short > 0 || over > 0) return { short, ...(quota && { over }) };
      if (replaces) this.forget(replaces.id);
      return { copy: this.enter(request) };
    });
  }

  /** Enters a copy that is already on the disk, without checking the bounds: the next copy enforces them. */
  enter({ entryId, tier, path, source, bytes }: Omit<ReserveRequest, 'limit' | 'free' | 'floor' | 'replaces'>): Copy {
    return this.#db.transaction(() => {
      const placement = this.#placements.reserve(tier, bytes);
      return this.#entered(this.#insert({ entryId, placement, tier, path, state: 'copying', source }));
    });
  }

  /**
   * Puts a finished copy into service in place of the entry's previous copies in that tier. The file is already under its name. If
   * that is another name of a known file, they share its placement.
   */
  publish(id: number, { seal, hash, sha256, source }: Published): void {
    this.#db.transaction(() => {
      const copy = this.byId(id);
      if (!copy) return;
      this.#replaceOthers({ ...copy, source });
      const content = this.#contents.ensure({ hash, size: source.size, sha256 });
      const placement = this.#placements.find(copy.tier, content, seal) ?? copy.placement;
      const identified = sha256 !== null;
      this.#placements.fill(placement, { content, seal, identified });
      this.#db.run(
        `UPDATE copies SET state = 'ready', placement_id = @placement, source_size = @size, source_mtime_ns = @mtimeNs,
           source_ctime_ns = @ctimeNs, source_ino = @ino WHERE id = @id`,
        { id, placement, ctimeNs: null, ...source },
      );
      this.#contents.note(copy.entryId, source, { content, identified });
    });
  }

  /** `enter` and `publish` in one, for a finished file under its name: a lost catalog has a hundred thousand of them. */
  adopt(of: Pick<ReserveRequest, 'entryId' | 'tier' | 'path'>, { seal, hash, sha256, source }: Published): void {
    this.#db.transaction(() => {
      this.#replaceOthers({ id: 0, ...of, source });
      const content = this.#contents.ensure({ hash, size: source.size, sha256 });
      const written = { content, seal, identified: sha256 !== null };
      const shared = this.#placements.find(of.tier, content, seal);
      if (shared !== undefined) this.#placements.fill(shared, written);
      const placement = shared ?? this.#placements.add(of.tier, written);
      this.#insert({ ...of, placement, state: 'ready', source });
      this.#contents.note(of.entryId, source, written);
    });
  }

  /** The given paths at which no copy is known, finished or leaving. */
  unknown(paths: readonly string[]): string[] {
    // SQLite replaces invalid Unicode in a name in the same way as in a value.
    const all = JSON.stringify(paths.map((path) => path.toWellFormed()));
    const sql = `SELECT key FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM copies c WHERE c.path = value AND c.state <> 'copying')`;
    return this.#db.all<{ key: number }>(sql, all).flatMap(({ key }) => paths[key] ?? []);
  }

  /**
   * Puts a further name of a copy's file into service, for another source with the same bytes. The file is already under that name.
   */
  link(to: Copy, { entryId, path, source }: Pick<ReserveRequest, 'entryId' | 'path' | 'source'>): Copy {
    return this.#db.transaction(() => {
      const { placement, tier, content } = to;
      this.#replaceOthers({ id: 0, entryId, tier, path, source });
      const link = this.#insert({ entryId, placement, tier, path, state: 'ready', source });
      this.#contents.note(entryId, source, { content, identified: to.sha256 !== null });
      return this.#entered(link);
    });
  }

  /** Records that the name of a copy in service leads to the file of another copy, which has the same bytes. */
  move(id: number, to: Copy): void {
    this.#db.run('UPDATE copies SET placement_id = ? WHERE id = ?', to.placement, id);
  }

  /**
   * Removes or retires the copies that a new one replaces. An older one under its name is gone with its file. One under another
   * name (its root has changed) becomes stale: its file still exists and takes space. Copies in other tiers are made from the one
   * in the default tier, and become stale when that has another fingerprint.
   */
  #replaceOthers({ id, entryId, tier, path, source }: Pick<Copy, 'id' | 'entryId' | 'tier' | 'path' | 'source'>): void {
    const sql = "SELECT id, path FROM copies WHERE id <> ? AND state <> 'copying' AND entry_id = ? AND tier = ?";
    const others = this.#db.all<{ id: number; path: string }>(sql, id, entryId, tier);
    for (const other of others.filter((one) => isOneFile(one.path, path))) {
      this.#db.run('DELETE FROM copies WHERE id = ?', other.id);
    }
    this.#db.run(
      `UPDATE copies SET state = 'stale' WHERE id <> @id AND state = 'ready' AND entry_id = @entryId
       AND (tier = @tier OR (@tier = @origins AND (source_size <> @size OR source_mtime_ns <> @mtimeNs
         OR coalesce(source_ctime_ns <> @ctimeNs, 0))))`,
      { id, entryId, tier, origins: defaultTier, ctimeNs: null, ...source },
    );
  }

  /** @returns its id */
  #insert(copy: Pick<Copy, 'entryId' | 'placement' | 'tier' | 'path' | 'state' | 'source'>): number {
    const { source } = copy;
    const { lastInsertRowid } = this.#db.run(
      `INSERT INTO copies (placement_id, entry_id, tier, path, state, source_size, source_mtime_ns, source_ctime_ns, source_ino,
         created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      copy.placement,
      copy.entryId,
      copy.tier,
      copy.path,
      copy.state,
      source.size,
      source.mtimeNs,
      source.ctimeNs ?? null,
      source.ino,
      this.#clock.now(),
    );
    return lastInsertRowid;
  }

  #entered(id: number): Copy {
    const copy = this.byId(id);
    if (!copy) throw new Error('a copy that was just entered is not there');
    return copy;
  }

  /** Whether the row of this copy is still its own: ids start over in a catalog that replaced a damaged one. */
  isCurrent({ id, path }: Copy): boolean {
    return this.byId(id)?.path === path;
  }

  isCopying(id: number): boolean {
    return this.#db.get("SELECT 1 FROM copies WHERE id = ? AND state = 'copying'", id) !== undefined;
  }

  setState(id: number, state: CopyState): void {
    this.#db.run('UPDATE copies SET state = ? WHERE id = ?', state, id);
  }

  /** Marks a copy whose source was replaced: still on disk, no longer served. */
  retire(id: number): void {
    this.#db.run("UPDATE copies SET state = 'stale' WHERE id = ? AND state = 'ready'", id);
  }

  /** Copies of a tier, in service, that may be worth compressing. */
  compressible(tier: TierName): Copy[] {
    return this.#all("c.state = 'ready' AND c.tier = ? AND p.dense = 0 ORDER BY c.id", tier);
  }

  /** All copies in service, under every name; read in pages. */
  inService(): Generator<Copy> {
    return inPages((after) => this.#all("c.state = 'ready' AND c.id > ? ORDER BY c.id LIMIT ?", after, pageSize));
  }

  bytesInService(): number {
    const sql =
      "SELECT coalesce(sum(p.bytes), 0) AS bytes FROM copies c JOIN placements p ON p.id = c.placement_id WHERE c.state = 'ready'";
    return this.#db.get<{ bytes: number }>(sql)?.bytes ?? 0;
  }

  /**
   * Files in service not verified since `since`, wall-clock ms, each under one of its names; read in pages. A check later than
   * `now` predates a clock set back.
   */
  *unverified({ since, now }: { since: number; now: number }): Generator<Copy> {
    const where = `p.id > @after AND (p.verified_at IS NULL OR p.verified_at <= @since OR p.verified_at > @now)
      AND c.state = 'ready' GROUP BY p.id ORDER BY p.id LIMIT @pageSize`;
    const page = (after: number) =>
      this.#all(where, { since, now, after, pageSize }).map((copy) => ({ id: copy.placement, copy }));
    for (const { copy } of inPages(page)) yield copy;
  }

  forget(id: number): void {
    this.#db.run('DELETE FROM copies WHERE id = ?', id);
  }

  byId(id: number): Copy | undefined {
    return this.#all('c.id = ?', id)[0];
  }

  ofEntry(entryId: number): Copy[] {
    return this.#all('c.entry_id = ? ORDER BY c.id', entryId);
  }

  /** Copies in service, the fastest tier first. */
  readyOf(entryId: number): Copy[] {
    return this.#all(`c.entry_id = ? AND c.state = 'ready' ORDER BY ${fastestFirst}`, entryId);
  }

  inState(...states: CopyState[]): Copy[] {
    const marks = states.map(() => '?').join(', ');
    return this.#all(`c.state IN (${marks}) ${states.includes('ready') ? '' : outOfService} ORDER BY c.id`, ...states);
  }

  /** Copies of a tier in one state, by their ids after `after`, at most `most` of them. */
  page({ tier, state, after, most }: { tier: TierName; state: CopyState; after: number; most: number }): Copy[] {
    return this.#all(
      `c.tier = ? AND c.state = ? ${state === 'ready' ? '' : outOfService} AND c.id > ? ORDER BY c.id LIMIT ?`,
      tier,
      state,
      after,
      most,
    );
  }

  /** All copies of a tier in one state; read in pages. */
  each(of: { tier: TierName; state: CopyState }): Generator<Copy> {
    return inPages((after) => this.page({ ...of, after, most: pageSize }));
  }

  /** Copies in any state with their entries, in order of ids; read in pages. */
  *placed({ tiers, category, root, largerThan, usedBefore }: PlacedFilter): Generator<Placed> {
    const values = {
      tiers: tiers ? JSON.stringify(tiers) : null,
      category: category ?? null,
      root: root ?? null,
      largerThan: largerThan ?? null,
      usedBefore: usedBefore ?? null,
    };
    const where = `${filters} AND c.id > @after ORDER BY c.id LIMIT @pageSize`;
    yield* inPages((after) => placedRows(this.#db, where, { ...values, after, pageSize }));
  }

  /** Copies of tiers in any state with their entries, all names of a placement one after the other; read in pages. */
  *byPlacement(tiers: readonly TierName[]): Generator<Placed> {
    const where = `+c.tier IN (SELECT value FROM json_each(@tiers)) AND (c.placement_id, c.id) > (@placement, @id)
      ORDER BY c.placement_id, c.id LIMIT @pageSize`;
    for (let after: Pick<Copy, 'placement' | 'id'> | undefined = { placement: 0, id: 0 }; after; ) {
      const { placement, id } = after;
      const page = placedRows(this.#db, where, { tiers: JSON.stringify(tiers), placement, id, pageSize });
      yield* page;
      after = page.at(-1)?.copy;
    }
  }

  /** All names of a placement, in the order of their ids. */
  named(placement: number): Placed[] {
    return placedRows(this.#db, 'c.placement_id = +@placement ORDER BY c.id', { placement });
  }

  byPath(path: string): Copy | undefined {
    return this.#all("c.path = ? AND c.state <> 'copying'", path)[0];
  }

  #all(where: string, ...values: unknown[]): Copy[] {
    return copyRows(this.#db, where, ...values).map(copyOf);
  }
}
