import type { ReadSpeed } from '../core/types.ts';
import type { Database } from '../sqlite/database.ts';

interface Row {
  place: string;
  sequential: number | null;
  small_read_ms: number | null;
}

/** Measured speeds of roots and tiers, so that the first load after a restart need not guess. */
export class SavedSpeeds {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  load(): { place: string; speed: ReadSpeed }[] {
    const rows = this.#db.all<Row>('SELECT * FROM speeds');
    return rows.map(({ place, sequential, small_read_ms }) => ({ place, speed: { sequential, smallReadMs: small_read_ms } }));
  }

  save(place: string, { sequential, smallReadMs }: ReadSpeed): void {
    this.#db.run('INSERT OR REPLACE INTO speeds VALUES (?, ?, ?)', place, sequential, smallReadMs);
  }
}
