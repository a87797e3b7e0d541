import type { Database } from '../sqlite/database.ts';

/** Bytes and requests of a remote in one month. */
export interface MonthOfRemote {
  /** `2026-11`, UTC. */
  month: string;
  bytes: number;
  requests: number;
}

/** Reads from each remote, by its name and by months. */
export class RemoteUse {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** @param at wall-clock ms */
  add(remote: string, { bytes, requests }: Pick<MonthOfRemote, 'bytes' | 'requests'>, at: number): void {
    const sql = `INSERT INTO remote_use (remote, month, bytes, requests) VALUES (?, ?, ?, ?)
      ON CONFLICT (remote, month) DO UPDATE SET bytes = bytes + excluded.bytes, requests = requests + excluded.requests`;
    this.#db.run(sql, remote, monthOf(at), bytes, requests);
  }

  /** The month of this moment. */
  month(remote: string, at: number): MonthOfRemote {
    const month = monthOf(at);
    return this.months(remote).find((one) => one.month === month) ?? { month, bytes: 0, requests: 0 };
  }

  /** All months with reads, the latest first. */
  months(remote: string): MonthOfRemote[] {
    return this.#db.all('SELECT month, bytes, requests FROM remote_use WHERE remote = ? ORDER BY month DESC', remote);
  }
}

function monthOf(at: number): string {
  return new Date(at).toISOString().slice(0, 7);
}
