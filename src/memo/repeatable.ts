import type { MemoComparisons, Repeatability } from '../api/memo-comfyui.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Database } from '../sqlite/database.ts';

/** An output of a node of ComfyUI, as a run of ComfyUI has computed it. */
export interface SeenOutput {
  /** 64 hexadecimal digits. */
  key: string;
  /** The class of the node, and the hash of the code that it is in. */
  className: string;
  code: string;
  /** Differs in each run of ComfyUI: within a run equal results may come from one computation. */
  session: string;
  /** SHA-256 of the output, 64 hexadecimal digits. */
  result: string;
  /** The kept result that this one is compared with; null = it is compared with an earlier run. */
  given: string | null;
}

/** Number of agreements after which outputs of a class are kept. */
const enough = 2;
/** Maximum number of hashes of outputs kept for comparison. */
const mostSeen = 100_000;

/** The classes of nodes that give equal outputs for equal inputs, learnt by comparing ComfyUI's outputs for the same key. */
export class RepeatableClasses {
  readonly #db: Database;
  readonly #clock: Clock;
  /** The last code of each class. */
  readonly #codes = new Map<string, string>();
  #untilTrim = 0;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** `repeatable` after it has agreed often enough, `unrepeatable` after one disagreement, and `unknown` until then. */
  of(className: string, code: string): Repeatability {
    this.#codes.set(className, code);
    const { agreed, disagreed } = this.#counts(className, code);
    if (disagreed > 0) return 'unrepeatable';
    return agreed >= enough ? 'repeatable' : 'unknown';
  }

  /** Compares an output with the kept one, or else with that of an earlier run. @returns `differs` when they are not equal */
  see({ key, className, code, session, result, given }: SeenOutput): { known: Repeatability; differs: boolean } {
    const [id, hash] = [Buffer.from(key, 'hex'), Buffer.from(result, 'hex')];
    let differs = false;
    this.#db.transaction(() => {
      const before = given === null ? this.#earlier(id, session) : Buffer.from(given, 'hex');
      if (before) {
        differs = !before.equals(hash);
        this.#db.run(
          `INSERT INTO repeatable (class, code, agreed, disagreed, disagreed_at) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (class, code) DO UPDATE SET agreed = agreed + excluded.agreed, disagreed = disagreed + excluded.disagreed,
             disagreed_at = coalesce(disagreed_at, excluded.disagreed_at)`,
          ...[className, code, differs ? 0 : 1, differs ? 1 : 0, differs ? this.#clock.now() : null],
        );
      }
      this.#db.run(
        `INSERT INTO seen (key, session, result, at) VALUES (?, ?, ?, ?)
         ON CONFLICT (key) DO UPDATE SET session = excluded.session, result = excluded.result, at = excluded.at`,
        id,
        session,
        hash,
        this.#clock.now(),
      );
      this.#forgetOldest();
    });
    return { known: this.of(className, code), differs };
  }

  /** The number of comparisons, and the classes that have disagreed with their present code. */
  comparisons(): MemoComparisons {
    const sums = this.#db.get<{ agreed: number; disagreed: number }>(
      'SELECT coalesce(sum(agreed), 0) AS agreed, coalesce(sum(disagreed), 0) AS disagreed FROM repeatable',
    ) ?? { agreed: 0, disagreed: 0 };
    const rows = this.#db.all<{ class: string; code: string; at: number | null }>(
      'SELECT class, code, disagreed_at AS at FROM repeatable WHERE disagreed > 0 ORDER BY disagreed_at DESC, class',
    );
    const present = rows.filter((row) => (this.#codes.get(row.class) ?? row.code) === row.code);
    return { ...sums, unrepeatable: present.map((row) => ({ class: row.class, at: row.at })) };
  }

  /** The result of the same key in another run. */
  #earlier(id: Buffer, session: string): Buffer | null {
    const sql = 'SELECT session, result FROM seen WHERE key = ?';
    const before = this.#db.get<{ session: string; result: Buffer }>(sql, id);
    return before && before.session !== session ? before.result : null;
  }

  #counts(className: string, code: string): { agreed: number; disagreed: number } {
    const found = this.#db.get<{ agreed: number; disagreed: number }>(
      'SELECT agreed, disagreed FROM repeatable WHERE class = ? AND code = ?',
      className,
      code,
    );
    return found ?? { agreed: 0, disagreed: 0 };
  }

  /** Forgets the oldest hashes beyond the maximum; rarely, because counting takes long. */
  #forgetOldest(): void {
    this.#untilTrim -= 1;
    if (this.#untilTrim > 0) return;
    this.#untilTrim = 1000;
    this.#db.run('DELETE FROM seen WHERE key IN (SELECT key FROM seen ORDER BY at DESC LIMIT -1 OFFSET ?)', mostSeen);
  }
}
