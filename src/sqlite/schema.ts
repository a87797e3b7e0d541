import Sqlite from 'better-sqlite3';
import { CacheError } from '../core/errors.ts';

/** A file's schema, and texts about it. */
export interface Schema {
  /** For messages, such as `the catalog`. */
  name: string;
  /** Append only. Each step runs once, in one transaction; `PRAGMA user_version` counts them. */
  migrations: readonly string[];
  /** What happens to the file's facts when it is moved away, for messages. */
  withoutIt: string;
  /** Maximum wait for another program that holds the file locked when it is opened, ms; the thread serves nothing meanwhile. */
  openWaitMs: number;
}

/** Number of migrations that have run. */
export function versionOf(db: Sqlite.Database): number {
  return Number(db.pragma('user_version', { simple: true }));
}

/** Recognises a file of another program, or one with a flipped bit in its schema, before any write. */
export function assertKnown(db: Sqlite.Database, file: string, { name, migrations, withoutIt }: Schema): void {
  const version = versionOf(db);
  if (version > migrations.length) {
    throw new CacheError('BAD_CONFIG', `${name} ${file} was written by a newer autocached (schema ${version})`, {
      hint: `Update autocached, or move the file away: ${withoutIt}.`,
    });
  }
  if (schemaOf(db) !== expectedSchema(migrations.slice(0, version)))
    throw new Sqlite.SqliteError('the schema is not that of its version', 'SQLITE_CORRUPT');
}

/** Runs the migrations that have not run yet, each in one transaction. */
export function migrate(db: Sqlite.Database, migrations: readonly string[]): void {
  const version = versionOf(db);
  for (const [index, sql] of migrations.entries()) {
    if (index < version) continue;
    try {
      db.transaction(() => {
        db.exec(sql);
        db.pragma(`user_version = ${index + 1}`);
      })();
    } catch (error) {
      if (!(error instanceof Sqlite.SqliteError) || !error.code.startsWith('SQLITE_CONSTRAINT')) throw error;
      throw new Sqlite.SqliteError(`its rows break the rules of schema ${index}: ${error.message}`, 'SQLITE_CORRUPT');
    }
  }
}

const expected = new Map<string, string>();

/** The schema that these migrations make of an empty file: worked out once, for it takes 13 ms of processor time. */
function expectedSchema(migrations: readonly string[]): string {
  const key = migrations.join('');
  const known = expected.get(key);
  if (known !== undefined) return known;
  const db = new Sqlite(':memory:');
  try {
    migrate(db, migrations);
    const schema = schemaOf(db);
    expected.set(key, schema);
    return schema;
  } finally {
    db.close();
  }
}

function schemaOf(db: Sqlite.Database): string {
  // SQLite adds and drops its own tables, for example with ANALYZE.
  const sql =
    "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY type, name";
  return JSON.stringify(db.prepare(sql).raw().all());
}
