import type { Database } from '../sqlite/database.ts';

interface Load {
  classType: string;
  /** JSON, as the caller writes it. */
  inputs: string;
  files: readonly { category: string; name: string }[];
}

/** The files that nodes of ComfyUI have loaded, by class and inputs. */
export class SavedLoads {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** All loads in the order in which they were saved. */
  all(): Load[] {
    const sql = 'SELECT class_type, inputs, files FROM learned_loads ORDER BY id';
    const rows = this.#db.all<{ class_type: string; inputs: string; files: string }>(sql);
    return rows.map(({ class_type: classType, inputs, files }) => ({ classType, inputs, files: JSON.parse(files) }));
  }

  /** Replaces the files of this class and these inputs. */
  save({ classType, inputs, files }: Load): void {
    const sql = 'INSERT OR REPLACE INTO learned_loads (class_type, inputs, files) VALUES (?, ?, ?)';
    this.#db.run(sql, classType, inputs, JSON.stringify(files));
  }

  drop({ classType, inputs }: Pick<Load, 'classType' | 'inputs'>): void {
    this.#db.run('DELETE FROM learned_loads WHERE class_type = ? AND inputs = ?', classType, inputs);
  }
}
