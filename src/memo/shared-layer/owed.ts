import type { Database } from '../../sqlite/database.ts';
import type { Filter } from '../entries.ts';

/** Maximum number of single changes; more are merged. */
const mostDebts = 10_000;

/** A local change, as it is sent to Redis. */
type Change =
  | {
      /** The value of this key in Redis differs from the local one: it is written anew, or removed. */
      kind: 'value';
      ns: string;
      key: string;
    }
  | {
      /** Values with this mark are invalid. */
      kind: 'mark';
      name: string;
    };

/** A change that Redis has yet to receive. */
export type Debt = Change & { n: number };

/** Names of marks, by scope of the invalidation. */
export const marks = {
  all: 'all',
  ofNamespace: (ns: string) => `ns ${ns}`,
  ofTag: (tag: string) => `tag ${tag}`,
  ofDep: (dep: string) => `dep ${dep}`,
};

/** The Redis that results are shared in. */
export interface SharedWith {
  /** Identifies the server, without a password. */
  server: string;
  /** There is something to tell. */
  onOwed(): void;
}

/**
 * Local changes that Redis has yet to receive, on the disk beside the results: an invalidation counts from its answer on, also while
 * Redis is away, and over a crash. While a mark is owed, no value there is trusted.
 */
export class Owed {
  readonly #db: Database;
  readonly #sharedWith: SharedWith | null;
  readonly #values = new Set<string>();
  readonly #marks = new Set<string>();
  /** Grows with every invalidation. */
  generation = 0;

  /** @param isLost whether earlier owed changes were lost */
  constructor(db: Database, sharedWith: SharedWith | null, { isLost }: { isLost: boolean }) {
    this.#db = db;
    this.#sharedWith = sharedWith;
    // Servers that are not used now miss the present changes.
    db.run('UPDATE shared_servers SET missed = 1 WHERE server IS NOT ?', sharedWith?.server ?? null);
    if (!sharedWith) {
      db.run('DELETE FROM owed');
      return;
    }
    for (const debt of this.next(mostDebts)) this.#remember(debt);
    const known = db.get<{ missed: number }>('SELECT missed FROM shared_servers WHERE server = ?', sharedWith.server);
    if (isLost || known?.missed === 1) this.#owe([{ kind: 'mark', name: marks.all }]);
    db.run('INSERT OR REPLACE INTO shared_servers VALUES (?, 0)', sharedWith.server);
  }

  get count(): number {
    return this.#values.size + this.#marks.size;
  }

  /** Whether the value of this key in Redis may be invalid. */
  concerns(ns: string, key: string): boolean {
    return this.#marks.size > 0 || this.#values.has(`${ns}\0${key}`);
  }

  /** A result was stored here. To be called in the transaction that does so. */
  stored(ns: string, key: string): void {
    if (this.#sharedWith) this.#owe([{ kind: 'value', ns, key }]);
  }

  /** Results are invalidated: in Redis all that this may concern, and never fewer. */
  invalidated({ ns, keys, tags, deps }: Filter): void {
    if (!this.#sharedWith) return;
    this.generation += 1;
    const mark = (name: string) => ({ kind: 'mark' as const, name });
    if (ns !== undefined && keys) this.#owe(keys.map((key) => ({ kind: 'value', ns, key })));
    else if (!keys && tags) this.#owe(tags.map((tag) => mark(marks.ofTag(tag))));
    else if (!keys && deps) this.#owe(deps.map((dep) => mark(marks.ofDep(dep))));
    else this.#owe([mark(ns === undefined ? marks.all : marks.ofNamespace(ns))]);
  }

  /** In the order in which they came. */
  next(most: number): Debt[] {
    const rows = this.#db.all<{ n: number; kind: 'value' | 'mark'; ns: string; name: string }>(
      'SELECT n, kind, ns, name FROM owed ORDER BY n LIMIT ?',
      most,
    );
    return rows.map(({ n, kind, ns, name }) => (kind === 'value' ? { n, kind, ns, key: name } : { n, kind, name }));
  }

  /** Redis has received these. Newer changes are still owed. */
  settled(debts: readonly Debt[]): void {
    this.#db.transaction(() => {
      for (const debt of debts) {
        const { changes } = this.#db.run('DELETE FROM owed WHERE n = ?', debt.n);
        if (changes > 0) this.#forget(debt);
      }
    });
  }

  #owe(changes: readonly Change[]): void {
    this.#db.transaction(() => {
      for (const change of changes) {
        const [ns, name] = change.kind === 'value' ? [change.ns, change.key] : ['', change.name];
        this.#db.run('INSERT OR REPLACE INTO owed (kind, ns, name) VALUES (?, ?, ?)', change.kind, ns, name);
        this.#remember(change);
      }
      if (this.count > mostDebts) this.#takeTogether();
    });
    this.#sharedWith?.onOwed();
  }

  /** Merges changes for a Redis that is away for long: its values of all namespaces written meanwhile are invalidated. */
  #takeTogether(): void {
    const isMany = this.#marks.size > mostDebts / 2;
    const namespaces = new Set([...this.#values].map((name) => name.slice(0, name.indexOf('\0'))));
    const names = isMany ? [marks.all] : [...this.#marks, ...[...namespaces].map(marks.ofNamespace)];
    this.#db.run('DELETE FROM owed');
    this.#values.clear();
    this.#marks.clear();
    for (const name of names) {
      this.#db.run("INSERT INTO owed (kind, ns, name) VALUES ('mark', '', ?)", name);
      this.#marks.add(name);
    }
  }

  #remember(change: Change): void {
    if (change.kind === 'value') this.#values.add(`${change.ns}\0${change.key}`);
    else this.#marks.add(change.name);
  }

  #forget(change: Change): void {
    if (change.kind === 'value') this.#values.delete(`${change.ns}\0${change.key}`);
    else this.#marks.delete(change.name);
  }
}
