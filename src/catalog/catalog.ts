import type { Clock } from '../core/clock.ts';
import { Copies } from './copies.ts';
import { Database } from './database.ts';
import { Entries } from './entries.ts';
import { Settings } from './settings.ts';
import { Usage } from './usage.ts';

/** The one writer of the catalog: entries, copies, usage and settings over one SQLite file. All methods are synchronous. */
export class Catalog implements Disposable {
  readonly #db: Database;
  readonly entries: Entries;
  readonly copies: Copies;
  readonly usage: Usage;
  readonly settings: Settings;
  /** Why the file was set aside at opening, or null. The caller rebuilds the copies from the cache directory. */
  readonly damaged: string | null;

  constructor(file: string, clock: Clock) {
    const { database, damaged } = Database.open(file);
    this.#db = database;
    this.damaged = damaged;
    this.entries = new Entries(database);
    this.copies = new Copies(database);
    this.settings = new Settings(database);
    this.usage = new Usage(database, this.entries, clock);
  }

  transaction<T>(work: () => T): T {
    return this.#db.transaction(work);
  }

  /** Sets a file that turned out to be damaged aside and goes on with an empty one. */
  replaceDamaged(): void {
    this.#db.replace();
  }

  [Symbol.dispose](): void {
    try {
      this.usage.flush();
    } finally {
      this.#db.close();
    }
  }
}
