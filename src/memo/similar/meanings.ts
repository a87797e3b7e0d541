import { setImmediate } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { Database } from '../../sqlite/database.ts';
import { type Meaning, Texts } from './texts.ts';
import { Vectors } from './vectors.ts';

/** Namespaces whose vectors are in memory at once; each takes at most 80 MB. */
const mostNamespaces = 4;
/** Rows that are read without a pause. */
const pageSize = 500;

interface Known {
  vectors: Vectors;
  isWhole: Promise<void>;
}

/** The texts of results, and their vectors in memory: these find what may be similar. They are read when a namespace first needs all of its own. */
export class Meanings {
  readonly texts: Texts;
  /** By namespace, embedder and length. */
  readonly #known = new LRUCache<string, Known>({ max: mostNamespaces });

  constructor(db: Database) {
    this.texts = new Texts(db);
  }

  /** @param length of the vectors: those of other lengths cannot be compared */
  async of(ns: string, embedder: string, length: number): Promise<Vectors> {
    const name = nameOf(ns, embedder, length);
    let known = this.#known.get(name);
    if (!known) {
      const vectors = new Vectors(length);
      known = { vectors, isWhole: this.#read(vectors, { ns, embedder, length }) };
      known.isWhole.catch(() => this.#known.delete(name));
      this.#known.set(name, known);
    }
    await known.isWhole;
    return known.vectors;
  }

  /** Keeps the vector of a text that has its row. */
  add(ns: string, embedder: string, { id, scope, vector }: Meaning): void {
    this.texts.embed(id, embedder, vector);
    const known = this.#known.peek(nameOf(ns, embedder, vector.length));
    if (known) this.#put(known.vectors, { id, scope, vector });
  }

  /** An entry is gone, and its row with it. */
  forget(id: number): void {
    for (const { vectors } of this.#known.values()) vectors.drop(id);
  }

  async #read(vectors: Vectors, { ns, embedder, length }: { ns: string; embedder: string; length: number }): Promise<void> {
    for (let after = 0; ; ) {
      const page = this.texts.withVectors(ns, embedder, { after, most: pageSize });
      for (const row of page) if (row.vector.length === length) this.#put(vectors, row);
      const last = page.at(-1);
      if (!last) return;
      after = last.id;
      await setImmediate();
    }
  }

  #put(vectors: Vectors, { id, scope, vector }: Meaning): void {
    const left = vectors.add(id, scope, vector);
    if (left !== null) this.texts.dropVector(left);
  }
}

function nameOf(ns: string, embedder: string, length: number): string {
  return JSON.stringify([ns, embedder, length]);
}
