import type { Repeatability } from '../api/memo.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Database } from '../sqlite/database.ts';

/** An output of a node of ComfyUI, as a run of ComfyUI has computed it. */
export interface SeenOutput {
  /** 64 hexadecimal digits. */
  key: string;
  /** The class of the node, and the hash of the code that it is in. */
  className: string;
  code: string;
  /** Another one in each run of ComfyUI: within a run equal results may come from one computation. */
  session: string;
  /** SHA-256 of the output, 64 hexadecimal digits. */
  result: string;
}

/** So often must a class have given the same again before its outputs are kept. */
const enough = 2;
/** Hashes of outputs that are kept to compare with. */
const mostSeen = 100_000;

/** Which classes of nodes give the same output for the same inputs: learnt by comparing runs of ComfyUI. */
export class RepeatableClasses {
  readonly #db: Database;
  readonly #clock: Clock;
  #untilTrim = 0;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** `repeatable` after it has agreed often enough, `unrepeatable` after one disagreement, and `unknown` until then. */
  of(className: string, code: string): Repeatability {
    const { agreed, disagreed } = this.#counts(className, code);
    if (disagreed > 0) return 'unrepeatable';
    return agreed >= enough ? 'repeatable' : 'unknown';
  }

  /** Compares an output with the same of an earlier run. */
  see({ key, className, code, session, result }: SeenOutput): Repeatability {
    const [id, hash] = [Buffer.from(key, 'hex'), Buffer.from(result, 'hex')];
    this.#db.transaction(() => {
      const before = this.#db.get<{ session: string; result: Buffer }>('SELECT session, result FROM seen WHERE key = ?', id);
      if (before && before.session !== session) {
        const agrees = before.result.equals(hash);
        this.#db.run(
          `INSERT INTO repeatable (class, code, agreed, disagreed) VALUES (?, ?, ?, ?)
           ON CONFLICT (class, code) DO UPDATE SET agreed = agreed + excluded.agreed, disagreed = disagreed + excluded.disagreed`,
          className,
          code,
          agrees ? 1 : 0,
          agrees ? 0 : 1,
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
    return this.of(className, code);
  }

  #counts(className: string, code: string): { agreed: number; disagreed: number } {
    const found = this.#db.get<{ agreed: number; disagreed: number }>(
      'SELECT agreed, disagreed FROM repeatable WHERE class = ? AND code = ?',
      className,
      code,
    );
    return found ?? { agreed: 0, disagreed: 0 };
  }

  /** Counting them takes long. */
  #forgetOldest(): void {
    this.#untilTrim -= 1;
    if (this.#untilTrim > 0) return;
    this.#untilTrim = 1000;
    this.#db.run('DELETE FROM seen WHERE key IN (SELECT key FROM seen ORDER BY at DESC LIMIT -1 OFFSET ?)', mostSeen);
  }
}
