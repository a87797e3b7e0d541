import type { MemoNamespaceSettings } from '../api/memo.ts';
import type { Database } from '../sqlite/database.ts';

/** A set of results of one program, with the settings of all of them. */
export interface Namespace {
  readonly name: string;
  /** A part of every key that the daemon makes: another version has other keys. */
  readonly version: string;
  /** Entries of an earlier epoch are not served. */
  readonly epoch: number;
  readonly settings: MemoNamespaceSettings;
}

/** All namespaces, in memory, because each hit needs the epoch of one. */
export class Namespaces {
  readonly #db: Database;
  readonly #known = new Map<string, Namespace>();

  constructor(db: Database) {
    this.#db = db;
    const rows = db.all<{ name: string; version: string; epoch: number; settings: string }>('SELECT * FROM namespaces');
    for (const row of rows) this.#known.set(row.name, { ...row, settings: JSON.parse(row.settings) as MemoNamespaceSettings });
  }

  /** The namespace of this name; an unknown one has the general settings. */
  of(name: string): Namespace {
    return this.#known.get(name) ?? { name, version: '', epoch: 0, settings: {} };
  }

  all(): Namespace[] {
    return [...this.#known.values()];
  }

  save(namespace: Namespace): void {
    const { name, version, epoch, settings } = namespace;
    this.#db.run('INSERT OR REPLACE INTO namespaces VALUES (?, ?, ?, ?)', name, version, epoch, JSON.stringify(settings));
    this.#known.set(name, namespace);
  }

  /** Leaves all its entries behind, at once. */
  beginEpoch(name: string): Namespace {
    const before = this.of(name);
    this.save({ ...before, epoch: before.epoch + 1 });
    return this.of(name);
  }
}
