import { bufferOf } from '../../runtime/buffer-of.ts';
import type { Database } from '../../sqlite/database.ts';
import type { Judged } from './explore.ts';

/** The hashes by which a result's text is compared, SHA-256 in hexadecimal. The text itself is not kept. */
export interface TextHashes {
  /** Hash of everything else that can change the result. */
  scope: string;
  /** Hash of scope, rules and normalised text. */
  normal: string;
  /** Hash of the words that carry its meaning, in their order. */
  words: string;
}

export interface Meaning {
  /** The id of its entry. */
  id: number;
  scope: string;
  vector: Float32Array;
}

type Row = Omit<Meaning, 'vector'> & { vector: Uint8Array };

/** Maximum number of a text's newest judgements that count. */
const mostJudged = 100;
/** Maximum number of the newest texts of the same words that are compared. */
const mostAlike = 100;

/** The rows of texts and of their judgements. They leave with their entries. */
export class Texts {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  add(id: number, ns: string, { scope, normal, words }: TextHashes): void {
    const sql = 'INSERT INTO texts (entry_id, ns, scope, normal, words) VALUES (?, ?, unhex(?), unhex(?), unhex(?))';
    this.#db.run(sql, id, ns, scope, normal, words);
  }

  embed(id: number, embedder: string, vector: Float32Array): void {
    const bytes = bufferOf(vector);
    this.#db.run('UPDATE texts SET embedder = ?, vector = ? WHERE entry_id = ?', embedder, bytes, id);
  }

  dropVector(id: number): void {
    this.#db.run('UPDATE texts SET embedder = NULL, vector = NULL WHERE entry_id = ?', id);
  }

  has(id: number): boolean {
    return this.#db.get('SELECT 1 FROM texts WHERE entry_id = ?', id) !== undefined;
  }

  /** The text of an entry, if it has a vector of this embedder. */
  embedded(ns: string, id: number, embedder: string): (Meaning & { words: string }) | undefined {
    const sql = `SELECT entry_id AS id, lower(hex(scope)) AS scope, lower(hex(words)) AS words, vector FROM texts
      WHERE entry_id = ? AND ns = ? AND embedder = ?`;
    const row = this.#db.get<Row & { words: string }>(sql, id, ns, embedder);
    return row && { ...row, vector: numbersIn(row.vector) };
  }

  /** Entries with this normalised text, the newest first. */
  withNormal(ns: string, normal: string): number[] {
    const sql = 'SELECT entry_id AS id FROM texts WHERE ns = ? AND normal = unhex(?) ORDER BY entry_id DESC LIMIT 10';
    return this.#db.all<{ id: number }>(sql, ns, normal).map(({ id }) => id);
  }

  /** Texts of a scope with the same words and a vector. */
  withWords(ns: string, { scope, words }: TextHashes, embedder: string): (Meaning & { judged: number })[] {
    const sql = `SELECT entry_id AS id, lower(hex(scope)) AS scope, vector, (SELECT count(*) FROM judged j WHERE j.entry_id = t.entry_id) AS judged FROM texts t
      WHERE ns = ? AND words = unhex(?) AND scope = unhex(?) AND embedder = ? ORDER BY entry_id DESC LIMIT ?`;
    const rows = this.#db.all<Row & { judged: number }>(sql, ns, words, scope, embedder, mostAlike);
    return rows.map((row) => ({ ...row, vector: numbersIn(row.vector) }));
  }

  /** A page of texts with vectors, in the order of their ids. */
  withVectors(ns: string, embedder: string, { after, most }: { after: number; most: number }): Meaning[] {
    const sql = `SELECT entry_id AS id, lower(hex(scope)) AS scope, vector FROM texts
      WHERE ns = ? AND embedder = ? AND entry_id > ? ORDER BY entry_id LIMIT ?`;
    const rows = this.#db.all<Row>(sql, ns, embedder, after, most);
    return rows.map((row) => ({ ...row, vector: numbersIn(row.vector) }));
  }

  /** The same, the newest first. */
  newestVectors(ns: string, embedder: string, { before, most }: { before: number; most: number }): Meaning[] {
    const sql = `SELECT entry_id AS id, lower(hex(scope)) AS scope, vector FROM texts
      WHERE ns = ? AND embedder = ? AND entry_id < ? ORDER BY entry_id DESC LIMIT ?`;
    const rows = this.#db.all<Row>(sql, ns, embedder, before, most);
    return rows.map((row) => ({ ...row, vector: numbersIn(row.vector) }));
  }

  /** Bytes of a namespace's vectors. */
  bytesOf(ns: string): number {
    return this.#db.get<{ bytes: number }>('SELECT bytes FROM vectors_of WHERE ns = ?', ns)?.bytes ?? 0;
  }

  /** Bytes of the vector of an entry. */
  bytesOfEntry(id: number): number {
    const sql = 'SELECT length(vector) AS bytes FROM texts WHERE entry_id = ?';
    return this.#db.get<{ bytes: number | null }>(sql, id)?.bytes ?? 0;
  }

  judge(id: number, { similarity, right }: Judged): void {
    this.#db.run('INSERT INTO judged (entry_id, similarity, is_right) VALUES (?, ?, ?)', id, similarity, Number(right));
    const old = 'SELECT id FROM judged WHERE entry_id = ? ORDER BY id DESC LIMIT -1 OFFSET ?';
    this.#db.run(`DELETE FROM judged WHERE id IN (${old})`, id, mostJudged);
  }

  judgedOf(id: number): Judged[] {
    const sql = 'SELECT similarity, is_right AS isRight FROM judged WHERE entry_id = ?';
    const rows = this.#db.all<{ similarity: number; isRight: number }>(sql, id);
    return rows.map(({ similarity, isRight }) => ({ similarity, right: isRight === 1 }));
  }
}

function numbersIn(bytes: Uint8Array): Float32Array {
  return new Float32Array(Uint8Array.from(bytes).buffer);
}
