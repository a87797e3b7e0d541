import { existsSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { CacheError, messageOf } from '../core/errors.ts';
import { packageModule } from '../runtime/package.ts';
import { startPeer } from '../runtime/peer.ts';
import { setAsideUnless } from '../runtime/set-aside.ts';
import { assertSound, type DamageWorker, damage, isDamage } from './damage.ts';
import { isFull, Reserve } from './reserve.ts';
import { assertKnown, migrate, type Schema, versionOf } from './schema.ts';
import { isBusy, lockedBy, troubleWith } from './trouble.ts';

/** Maximum size of a file that is checked for damage when it is opened, bytes; a larger one is checked while it is in use. */
const checkedAtOnce = 8 * 1024 * 1024;

/** Page cache, KiB; the system caches the rest. Without it SQLite would take 16 MiB in a daemon with many copies. */
const cacheKibibytes = 4096;

/** Interval between two attempts while another program holds the lock, ms. */
const askAgainMs = 50;

/** Maximum wait for a lock, ms (law 4: lookups are answered in the thread that writes). */
const longestWaitMs = 5;

/** Maximum wait for a lock before a change that a user waits for, ms: less than clients wait for an answer. Others are served meanwhile. */
const changeWaitMs = 10_000;

/** One SQLite file: opened, migrated, and replaced when it is damaged. Statements are prepared once. */
export class Database {
  #db: Sqlite.Database;
  readonly #schema: Schema;
  readonly #reserve: Reserve;
  #onDamage: ((error: unknown) => void) | null = null;
  #statements = new Map<string, Sqlite.Statement>();
  #inTransaction: Sqlite.Transaction<(work: () => unknown) => unknown>;
  readonly #onOpened: ((db: Sqlite.Database) => void)[] = [];
  /** The next attempt to take the write lock while another program holds it. */
  #attempt: Promise<boolean> | null = null;
  readonly file: string;
  /** Grows with every write, so that a cached read is known to be current. */
  version = 0;

  /**
   * Opens `file`, creating or migrating it. `onDamage` is told of damage found later. `damaged` is the reason why an existing file was set aside, or null.
   * @throws CacheError BAD_CONFIG when the file was written by a newer version or cannot be written, NO_SPACE when its disk is full, BUSY
   *   when another program holds it locked.
   */
  static open(
    file: string,
    schema: Schema,
    onDamage?: (error: unknown) => void,
  ): { database: Database; damaged: string | null } {
    const wrong = ['-wal', '-shm', ''].map((suffix) => setAsideUnless(file + suffix, 'file')).at(-1);
    const reserve = new Reserve(join(dirname(file), 'reserve'));
    reserve.giveUpIfFull();
    const open = () => new Database(file, schema, { reserve, onDamage });
    try {
      return { database: open(), damaged: wrong ? `it was no file, and is ${wrong} now` : null };
    } catch (error) {
      if (!isDamage(error)) throw error;
      setAside(file);
      return { database: open(), damaged: messageOf(error) };
    }
  }

  private constructor(
    file: string,
    schema: Schema,
    { reserve, onDamage = null }: { reserve: Reserve; onDamage?: ((error: unknown) => void) | null | undefined },
  ) {
    this.file = file;
    this.#schema = schema;
    this.#reserve = reserve;
    this.#db = this.#inRoom(() => openChecked(file, schema));
    this.#onDamage = onDamage;
    this.#inTransaction = transactionOf(this.#db);
  }

  /** Renews the space that is given up when the disk is full; to be called periodically. */
  reserveSpace(): void {
    this.#reserve.renew();
  }

  /** Sets the file aside and starts an empty one, for damage found at runtime. */
  replace(): void {
    this.#db.close();
    this.#statements.clear();
    setAside(this.file);
    this.#db = openChecked(this.file, this.#schema);
    this.#inTransaction = transactionOf(this.#db);
    this.answerFirst();
    for (const prepare of this.#onOpened) prepare(this.#db);
    this.version += 1;
  }

  /** Prepares this connection, and the one to each file that replaces this one: for functions and triggers that are not in the file. */
  onOpened(prepare: (db: Sqlite.Database) => void): void {
    this.#onOpened.push(prepare);
    prepare(this.#db);
  }

  /**
   * Checks a file for damage in a thread, if it was too large to check when it was opened.
   * @throws SqliteError that `isDamage` recognises; CacheError when the check failed
   */
  async check(signal: AbortSignal): Promise<void> {
    if (!isLarge(this.file)) return;
    const checked = this.#db;
    const ended = new CacheError('CANCELLED', `the check of ${this.#schema.name} has ended`);
    const module = packageModule('sqlite/damage-worker');
    const peer = startPeer<DamageWorker, object>(module, 'thread', { functions: {}, onExit: () => {}, youngGenerationMb: 1 });
    const end = () => peer.kill(ended);
    signal.addEventListener('abort', end, { once: true });
    try {
      const found = await peer.call.damageIn(this.file);
      // The file may have been replaced meanwhile.
      if (found !== null && this.#db === checked) throw damage(found);
    } finally {
      signal.removeEventListener('abort', end);
      end();
    }
  }

  get<Row>(sql: string, ...values: unknown[]): Row | undefined {
    return this.#reading(() => this.#statement(sql).get(...values) as Row | undefined);
  }

  all<Row>(sql: string, ...values: unknown[]): Row[] {
    return this.#reading(() => this.#statement(sql).all(...values) as Row[]);
  }

  /** For `INSERT … RETURNING`. */
  write<Row>(sql: string, ...values: unknown[]): Row {
    this.version += 1;
    return this.#withRoom(() => this.#statement(sql).get(...values) as Row);
  }

  run(sql: string, ...values: unknown[]): { changes: number; lastInsertRowid: number } {
    this.version += 1;
    const { changes, lastInsertRowid } = this.#withRoom(() => this.#statement(sql).run(...values));
    return { changes, lastInsertRowid: Number(lastInsertRowid) };
  }

  /** Commits all writes of `work` together or not at all. */
  transaction<T>(work: () => T): T {
    this.version += 1;
    return this.#withRoom(() => this.#inTransaction.immediate(work) as T);
  }

  /** The same for what is in no cached read: all of those stay current. */
  transactionAside(work: () => void): void {
    const { version } = this;
    try {
      this.transaction(work);
    } finally {
      this.version = version;
    }
  }

  /** Inside a transaction a write is not repeated alone: SQLite may have rolled all of it back, and it is repeated as a whole. */
  #withRoom<T>(write: () => T): T {
    return this.#db.inTransaction ? write() : this.#inRoom(write);
  }

  /** Repeats a write in the reserved space when the disk is full. @throws CacheError NO_SPACE when that is used up, too */
  #inRoom<T>(write: () => T): T {
    return this.#reading(() => withRoom(this.#reserve, write));
  }

  /** @throws CacheError as `troubleWith` says; CORRUPT for damage that has someone to mend it */
  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      // A transaction is repeated as a whole, by the reason of its failure.
      if (this.#db?.inTransaction) throw error;
      if (!this.#onDamage || !isDamage(error)) throw troubleWith(this.file, this.#schema, error);
      const mend = this.#onDamage;
      setImmediate(() => mend(error));
      throw new CacheError('CORRUPT', `${this.#schema.name} is damaged, and begins anew: ${messageOf(error)}`, {
        hint: 'Try again.',
        cause: error,
      });
    }
  }

  /** From here on a write blocked by another program fails after `longestWaitMs`; before, it waits as long as at opening. */
  answerFirst(): void {
    this.#db.pragma(`busy_timeout = ${longestWaitMs}`);
  }

  /** False while another program holds the write lock of the file. @throws CacheError CANCELLED when the file was closed */
  isWritable(): boolean {
    if (!this.#db.open) throw new CacheError('CANCELLED', `${this.#schema.name} is closed`);
    if (this.#db.inTransaction) return true;
    if (this.#attempt !== null) return false;
    try {
      this.#reading(() => this.#db.exec('BEGIN IMMEDIATE; ROLLBACK'));
      return true;
    } catch (error) {
      if (isBusy(error)) return false;
      throw error;
    }
  }

  /** Whether the lock is free at the next attempt. An attempt holds up the thread, so all that wait share one. @throws as `isWritable` */
  nextAttempt(): Promise<boolean> {
    this.#attempt ??= sleep(askAgainMs).then(() => {
      this.#attempt = null;
      return this.isWritable();
    });
    return this.#attempt;
  }

  /** Resolves when no other program holds the write lock. @throws CacheError BUSY when one does for more than 10 s; as `isWritable` */
  async writable(): Promise<void> {
    const until = performance.now() + changeWaitMs;
    for (let isFree = this.isWritable(); !isFree; isFree = await this.nextAttempt()) {
      if (performance.now() >= until) throw lockedBy(this.file, this.#schema.name);
    }
  }

  close(): void {
    this.#db.close();
  }

  #statement(sql: string): Sqlite.Statement {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** Made once, because each transaction function prepares its own statements. */
function transactionOf(db: Sqlite.Database): Sqlite.Transaction<(work: () => unknown) => unknown> {
  return db.transaction((work: () => unknown) => work());
}

function withRoom<T>(reserve: Reserve, write: () => T): T {
  try {
    return write();
  } catch (error) {
    if (!isFull(error) || !reserve.giveUp()) throw error;
    return write();
  }
}

function openChecked(file: string, schema: Schema): Sqlite.Database {
  const db = new Sqlite(file);
  try {
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = NORMAL');
    db.pragma('foreign_keys = ON');
    db.pragma(`cache_size = -${cacheKibibytes}`);
    db.pragma(`busy_timeout = ${schema.openWaitMs}`);
    // Only a sound file gets its schema changed.
    if (!isLarge(file) || versionOf(db) < schema.migrations.length) assertSound(db);
    assertKnown(db, file, schema);
    migrate(db, schema.migrations);
    assertWritable(db, file, schema);
    return db;
  } catch (error) {
    db.close();
    // On a read-only disk SQLite reports only that it cannot open the file.
    if (error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_CANTOPEN'))
      throw cannotBeWritten(file, schema, error);
    throw isBusy(error) ? lockedBy(file, schema.name, error) : error;
  }
}

function cannotBeWritten(file: string, { name, withoutIt }: Schema, cause: unknown): CacheError {
  return new CacheError('BAD_CONFIG', `${name} ${file} cannot be written`, {
    hint: `Give your user the right to write it and its folder, or move it away: ${withoutIt}.`,
    cause,
  });
}

function isLarge(file: string): boolean {
  // A catalog in memory has no file.
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > checkedAtOnce;
}

/** SQLite opens a read-only file without complaint, and refuses the first write. */
function assertWritable(db: Sqlite.Database, file: string, schema: Schema): void {
  try {
    db.pragma(`user_version = ${schema.migrations.length}`);
  } catch (error) {
    if (!(error instanceof Sqlite.SqliteError) || !error.code.startsWith('SQLITE_READONLY')) throw error;
    throw cannotBeWritten(file, schema, error);
  }
}

function setAside(file: string): void {
  let number = 1;
  while (existsSync(`${file}.damaged-${number}`)) number += 1;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(file + suffix)) renameSync(file + suffix, `${file}.damaged-${number}${suffix}`);
  }
}
