import { joined } from '../core/demand.ts';
import type { Entry, SourceFile } from '../core/types.ts';
import { votesAt } from '../core/votes.ts';
import type { Database } from '../sqlite/database.ts';
import type { Copies } from './copies.ts';
import { demandBytes } from './demand-columns.ts';
import type { Entries } from './entries.ts';
import { isOneFile } from './one-file.ts';
import { inPages, pageSize } from './pages.ts';

type Place = Pick<SourceFile, 'path' | 'root' | 'rel' | 'category'>;

/** Entries that turn out to be one source under several spellings of its path. */
export class Respelling {
  readonly #db: Database;
  readonly #entries: Entries;
  readonly #copies: Copies;

  constructor(db: Database, { entries, copies }: { entries: Entries; copies: Copies }) {
    this.#db = db;
    this.#entries = entries;
    this.#copies = copies;
  }

  /** The paths of all entries; read in pages. */
  all(): Generator<{ id: number; path: string; root: string }> {
    const sql = 'SELECT id, path, root FROM entries WHERE id > ? ORDER BY id LIMIT ?';
    return inPages((after) => this.#db.all(sql, after, pageSize));
  }

  /** Gives an entry another path. If there is an entry with that path, the two become one: uses, pin and copies are kept. */
  respell(entry: Entry, to: Place): void {
    this.#db.transaction(() => {
      const into = this.#entries.byPath(to.path);
      if (into && into.id !== entry.id) this.#join(entry, into);
      this.#db.run(
        'UPDATE entries SET path = ?, root = ?, rel = ?, category = coalesce(?, category) WHERE id = ?',
        to.path,
        to.root,
        to.rel,
        to.category,
        into?.id ?? entry.id,
      );
    });
  }

  #join(from: Entry, into: Entry): void {
    this.#joinCopies(from, into);
    const demand = joined(from.demand ?? null, into.demand ?? null);
    const votedAt = Math.max(from.votedAt ?? 0, into.votedAt ?? 0);
    this.#db.run(
      `UPDATE entries SET uses = uses + @uses, last_use = max(last_use, @lastUse), pinned = max(pinned, @pinned),
         pinned_alone = max(pinned_alone, (SELECT f.pinned_alone FROM entries f WHERE f.id = @from)),
         last_used_at = nullif(max(coalesce(last_used_at, 0), @lastUsedAt), 0), votes = @votes, voted_at = @votedAt, demand = @demand,
         content_id = coalesce(content_id, (SELECT f.content_id FROM entries f
           WHERE f.id = @from AND f.size = entries.size AND f.mtime_ns = entries.mtime_ns))
       WHERE id = @into`,
      {
        from: from.id,
        into: into.id,
        uses: from.uses,
        lastUse: from.lastUse,
        pinned: Number(from.pinned),
        lastUsedAt: from.lastUsedAt ?? 0,
        votes: votesAt(from, votedAt) + votesAt(into, votedAt),
        votedAt: votedAt || null,
        demand: demand && demandBytes(demand),
      },
    );
    this.#db.run('UPDATE OR IGNORE published SET entry_id = ? WHERE entry_id = ?', into.id, from.id);
    this.#db.run('UPDATE OR IGNORE tier_uses SET entry_id = ? WHERE entry_id = ?', into.id, from.id);
    this.#db.run('DELETE FROM entries WHERE id = ?', from.id);
  }

  /** Keeps the later one of two copies in service in one tier. */
  #joinCopies(from: Entry, into: Entry): void {
    const later = [...this.#copies.readyOf(from.id), ...this.#copies.readyOf(into.id)].sort((a, b) => b.id - a.id);
    for (const copy of later) {
      const kept = later.find(({ tier }) => tier === copy.tier) ?? copy;
      if (kept === copy) continue;
      // There the later of two such copies has replaced the file of the earlier one.
      if (isOneFile(copy.path, kept.path)) this.#copies.forget(copy.id);
      else this.#copies.retire(copy.id);
    }
    this.#db.run('UPDATE copies SET entry_id = ? WHERE entry_id = ?', into.id, from.id);
  }
}
