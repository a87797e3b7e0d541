import type { MemoKind, MemoSort } from '../api/memo.ts';
import { rankOf } from '../policy/results.ts';
import type { Database } from '../sqlite/database.ts';
import type { Blobs } from './blobs.ts';
import { type Dep, type Entry, inlineBytes } from './entry.ts';

interface Row extends Omit<Entry, 'key' | 'body' | 'blobs' | 'deps'> {
  key: Buffer;
  body: Buffer | null;
}

/** Selects entries of a namespace, or of all, that meet every condition. */
export interface Filter {
  ns?: string;
  keys?: readonly string[];
  tags?: readonly string[];
  deps?: readonly string[];
  /** Made before this time, wall-clock ms. */
  before?: number;
  largerThan?: number;
  /** A part of the namespace, the key, the label or a tag, in any case. */
  search?: string;
}

const columns = `e.id, e.ns, e.key, e.epoch, e.kind, e.doc, e.body, e.bytes, e.cost_ms AS costMs, e.created_at AS createdAt,
  e.fresh_until AS freshUntil, e.ends_at AS endsAt, e.hits, e.votes, e.voted_at AS votedAt, e.last_hit_at AS lastHitAt,
  e.last_use AS lastUse, e.label`;

const order: Record<MemoSort, string> = {
  bytes: 'e.bytes DESC',
  age: 'e.created_at DESC',
  hits: 'e.hits DESC',
  used: 'e.last_use DESC',
  cost: 'e.cost_ms DESC',
};

const hasText = `EXISTS (SELECT 1 FROM json_each(?) s WHERE instr(lower(e.ns || char(10) || hex(e.key) || char(10) || coalesce(e.label, '')), s.value)
  OR EXISTS (SELECT 1 FROM tags t WHERE t.entry_id = e.id AND instr(lower(t.tag), s.value)))`;

/** The rows of results. */
export class Entries {
  readonly #db: Database;
  readonly #blobs: Blobs;

  constructor(db: Database, blobs: Blobs) {
    this.#db = db;
    this.#blobs = blobs;
  }

  find(ns: string, key: string): Entry | undefined {
    return this.#one('WHERE e.ns = ? AND e.key = ?', ns, Buffer.from(key, 'hex'));
  }

  byId(id: number): Entry | undefined {
    return this.#one('WHERE e.id = ?', id);
  }

  /** @returns the id of its row */
  add(entry: Omit<Entry, 'id'>, tags: Iterable<string>): number {
    const { ns, key, epoch, kind, doc, body, bytes, costMs, createdAt, freshUntil, endsAt } = entry;
    const { lastInsertRowid: id } = this.#db.run(
      `INSERT INTO entries (ns, key, epoch, kind, doc, body, inline_bytes, bytes, cost_ms, created_at, fresh_until, ends_at, votes,
         voted_at, last_use, rank, label) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[ns, Buffer.from(key, 'hex'), epoch, kind, doc, body === null ? null : Buffer.from(body, 'hex')],
      ...[inlineBytes(entry), bytes, costMs, createdAt, freshUntil, endsAt],
      ...[entry.votes, entry.votedAt, entry.lastUse, rankOf({ ...entry, votes: entry }), entry.label],
    );
    for (const { sha256 } of entry.blobs) this.#db.run('INSERT INTO entry_blobs VALUES (?, ?)', id, Buffer.from(sha256, 'hex'));
    for (const tag of tags) this.#db.run('INSERT INTO tags VALUES (?, ?)', tag, id);
    for (const { dep, state } of entry.deps) this.#db.run('INSERT INTO deps VALUES (?, ?, ?)', dep, id, state);
    return id;
  }

  remove(id: number): void {
    this.#db.run('DELETE FROM entries WHERE id = ?', id);
  }

  /** Writes the fields that hits change. */
  saveUse({ id, hits, votes, votedAt, lastHitAt, lastUse, costMs, bytes }: Entry): void {
    const rank = rankOf({ votes: { votes, votedAt }, costMs, bytes });
    const sql = 'UPDATE entries SET hits = ?, votes = ?, voted_at = ?, last_hit_at = ?, last_use = ?, rank = ? WHERE id = ?';
    this.#db.run(sql, hits, votes, votedAt, lastHitAt, lastUse, rank, id);
  }

  /** The entries that leave first, in order; of one namespace, or of all. */
  leastWorth(most: number, ns?: string): number[] {
    const order = 'ORDER BY e.rank, e.last_use LIMIT ?';
    return ns === undefined ? this.#ids(order, most) : this.#ids(`WHERE e.ns = ? ${order}`, ns, most);
  }

  /** The sizes of all entries in the order in which they leave, bytes. */
  sizesByWorth(): number[] {
    return this.#db.all<{ bytes: number }>('SELECT bytes FROM entries ORDER BY rank, last_use').map(({ bytes }) => bytes);
  }

  /** The ids of expired entries; of one namespace, or of all. */
  over(now: number, ns?: string): number[] {
    const isOver = 'WHERE e.ends_at IS NOT NULL AND e.ends_at <= ?';
    return ns === undefined ? this.#ids(`${isOver} LIMIT 500`, now) : this.#ids(`${isOver} AND e.ns = ? LIMIT 500`, now, ns);
  }

  /** The ids of entries of earlier epochs. */
  leftBehind(ns: string, epoch: number): number[] {
    return this.#ids('WHERE e.ns = ? AND e.epoch < ? LIMIT 500', ns, epoch);
  }

  /** The number of entries that leave before this one. */
  leavingBefore({ id }: Pick<Entry, 'id'>): number {
    const sql = `SELECT count(*) AS count FROM entries e, (SELECT rank, last_use FROM entries WHERE id = ?) o
      WHERE (e.rank, e.last_use) < (o.rank, o.last_use)`;
    return this.#db.get<{ count: number }>(sql, id)?.count ?? 0;
  }

  withDep(dep: string): number[] {
    return this.#ids('JOIN deps d ON d.entry_id = e.id WHERE d.dep = ?', dep);
  }

  tagsOf(id: number): string[] {
    return this.#db.all<{ tag: string }>('SELECT tag FROM tags WHERE entry_id = ? ORDER BY tag', id).map(({ tag }) => tag);
  }

  /** The key of the newest result with each of these tags, by tag. */
  newestTagged(ns: string, tags: readonly string[]): Map<string, string> {
    const sql = `SELECT t.tag, e.key, max(e.id) FROM json_each(?) w JOIN tags t ON t.tag = w.value
      JOIN entries e ON e.id = t.entry_id WHERE e.ns = ? GROUP BY t.tag`;
    const rows = this.#db.all<{ tag: string; key: Buffer }>(sql, JSON.stringify(tags), ns);
    return new Map(rows.map(({ tag, key }) => [tag, key.toString('hex')]));
  }

  matching(filter: Filter): number[] {
    const { where, values } = conditions(filter);
    return this.#ids(where, ...values);
  }

  sum(filter: Filter): { items: number; bytes: number } {
    const { where, values } = conditions(filter);
    const sql = `SELECT count(*) AS items, coalesce(sum(e.bytes), 0) AS bytes FROM entries e ${where}`;
    return this.#db.get<{ items: number; bytes: number }>(sql, ...values) ?? { items: 0, bytes: 0 };
  }

  list(filter: Filter, { sort, limit, offset }: { sort: MemoSort; limit: number; offset: number }): Entry[] {
    const { where, values } = conditions(filter);
    const sql = `SELECT ${columns} FROM entries e ${where} ORDER BY ${order[sort]}, e.id LIMIT ? OFFSET ?`;
    return this.#db.all<Row>(sql, ...values, limit, offset).map((row) => this.#entryOf(row));
  }

  /** The namespaces that have entries, with their sums; bytes include their vectors. */
  byNamespace(): { ns: string; items: number; bytes: number }[] {
    const vectors = 'coalesce((SELECT v.bytes FROM vectors_of v WHERE v.ns = e.ns), 0)';
    return this.#db.all(
      `SELECT ns, count(*) AS items, sum(bytes) + ${vectors} AS bytes FROM entries e GROUP BY ns ORDER BY ns`,
    );
  }

  #depsOf(id: number): Dep[] {
    return this.#db.all('SELECT dep, state FROM deps WHERE entry_id = ?', id);
  }

  #one(where: string, ...values: unknown[]): Entry | undefined {
    const row = this.#db.get<Row>(`SELECT ${columns} FROM entries e ${where}`, ...values);
    return row && this.#entryOf(row);
  }

  #ids(rest: string, ...values: unknown[]): number[] {
    return this.#db.all<{ id: number }>(`SELECT e.id FROM entries e ${rest}`, ...values).map(({ id }) => id);
  }

  #entryOf(row: Row): Entry {
    const inRowOnly = row.kind === ('json' satisfies MemoKind) && row.body === null;
    const blobs = inRowOnly ? [] : this.#blobs.ofEntry(row.id);
    const key = row.key.toString('hex');
    return { ...row, key, body: row.body?.toString('hex') ?? null, blobs, deps: this.#depsOf(row.id) };
  }
}

function conditions({ ns, keys, tags, deps, before, largerThan, search }: Filter): { where: string; values: unknown[] } {
  const parts: [string, unknown][] = [];
  const list = (items: readonly string[]) => JSON.stringify(items);
  if (ns !== undefined) parts.push(['e.ns = ?', ns]);
  if (keys) parts.push(['e.key IN (SELECT unhex(value) FROM json_each(?))', list(keys)]);
  if (tags) parts.push(['e.id IN (SELECT entry_id FROM tags WHERE tag IN (SELECT value FROM json_each(?)))', list(tags)]);
  if (deps) parts.push(['e.id IN (SELECT entry_id FROM deps WHERE dep IN (SELECT value FROM json_each(?)))', list(deps)]);
  if (before !== undefined) parts.push(['e.created_at < ?', before]);
  if (largerThan !== undefined) parts.push(['e.bytes > ?', largerThan]);
  if (search !== undefined) parts.push([hasText, JSON.stringify([search.toLowerCase()])]);
  const where = parts.length === 0 ? '' : `WHERE ${parts.map(([sql]) => sql).join(' AND ')}`;
  return { where, values: parts.map(([, value]) => value) };
}
