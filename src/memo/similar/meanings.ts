import { setImmediate } from 'node:timers/promises';
import type { Database } from '../../sqlite/database.ts';
import { cosine, Nearest, type Neighbour } from './nearest.ts';
import { type Meaning, Texts } from './texts.ts';
import { bytesPerText, mostOf, Vectors } from './vectors.ts';

/** Number of rows read without a pause. */
const pageSize = 500;

/** Vectors of one length that can be compared. */
interface Space {
  ns: string;
  embedder: string;
  length: number;
}

interface Known {
  vectors: Vectors;
  isWhole: Promise<void>;
  /** Size of `vectors` as last counted, bytes. */
  bytes: number;
}

export interface MeaningsMemory {
  /** Maximum bytes of all vectors in memory. */
  limit: number;
  /** Told how many bytes they take, before they do. */
  claim(bytes: number): void;
}

/**
 * The texts of results, and their vectors in memory, which find similar texts. A namespace's vectors are read when it first needs all of
 * them. If they do not fit into memory, they are read for each question.
 */
export class Meanings {
  readonly texts: Texts;
  readonly #memory: MeaningsMemory;
  /** By the name of their space; the least recently used first. */
  readonly #known = new Map<string, Known>();
  #bytes = 0;

  constructor(db: Database, memory: MeaningsMemory) {
    this.texts = new Texts(db);
    this.#memory = memory;
  }

  /** The nearest of a scope, or of all; the nearest first. */
  async nearest(
    { ns, embedder }: Omit<Space, 'length'>,
    { scope, vector, most }: { scope: string | null; vector: Float32Array; most: number },
  ): Promise<readonly Neighbour[]> {
    const space = { ns, embedder, length: vector.length };
    const vectors = await this.#inMemory(space);
    return vectors ? vectors.nearest(scope, vector, most) : this.#readNearest(space, { scope, vector, most });
  }

  /** Keeps the vector of a text that has its row. */
  add(ns: string, embedder: string, { id, scope, vector }: Meaning): void {
    this.texts.embed(id, embedder, vector);
    const name = nameOf({ ns, embedder, length: vector.length });
    const known = this.#known.get(name);
    if (known) this.#put(name, known, { id, scope, vector });
  }

  /** An entry is gone, and its row with it. */
  forget(id: number): void {
    for (const { vectors } of this.#known.values()) vectors.drop(id);
  }

  /** Null when they do not fit. */
  async #inMemory(space: Space): Promise<Vectors | null> {
    const name = nameOf(space);
    const known = this.#known.get(name) ?? this.#begin(name, space);
    if (!known) return null;
    // Makes it the last one to leave.
    if (this.#known.delete(name)) this.#known.set(name, known);
    await known.isWhole;
    return known.vectors;
  }

  #begin(name: string, space: Space): Known | null {
    const rows = this.texts.bytesOf(space.ns) / (4 * space.length);
    if (rows * (4 * space.length + bytesPerText) > this.#memory.limit) return null;
    const known: Known = { vectors: new Vectors(space.length), isWhole: Promise.resolve(), bytes: 0 };
    this.#known.set(name, known);
    known.isWhole = this.#read(name, known, space);
    known.isWhole.catch(() => this.#drop(name));
    return known;
  }

  async #read(name: string, known: Known, { ns, embedder, length }: Space): Promise<void> {
    for (let after = 0; ; ) {
      const page = this.texts.withVectors(ns, embedder, { after, most: pageSize });
      for (const row of page) if (row.vector.length === length) this.#put(name, known, row);
      const last = page.at(-1);
      if (!last) return;
      after = last.id;
      await setImmediate();
    }
  }

  async #readNearest(
    { ns, embedder, length }: Space,
    { scope, vector, most }: { scope: string | null; vector: Float32Array; most: number },
  ): Promise<readonly Neighbour[]> {
    const nearest = new Nearest(most);
    let left = mostOf(length);
    for (let before = Number.MAX_SAFE_INTEGER; ; ) {
      const page = this.texts.newestVectors(ns, embedder, { before, most: pageSize });
      for (const { id, scope: of, vector: other } of page) {
        if (other.length !== length) continue;
        left -= 1;
        if (left < 0) this.texts.dropVector(id);
        else if (scope === null || of === scope) nearest.offer(id, cosine(other, vector));
      }
      const last = page.at(-1);
      if (!last) return nearest.found;
      before = last.id;
      await setImmediate();
    }
  }

  #put(name: string, known: Known, { id, scope, vector }: Meaning): void {
    const left = known.vectors.add(id, scope, vector);
    if (left !== null) this.texts.dropVector(left);
    // It may have left while it was read.
    if (this.#known.get(name) === known) this.#count(known);
  }

  /** Evicts the least recently used spaces. */
  #count(known: Known): void {
    this.#bytes += known.vectors.bytes - known.bytes;
    known.bytes = known.vectors.bytes;
    for (const name of this.#known.keys()) {
      if (this.#bytes <= this.#memory.limit) break;
      this.#drop(name);
    }
    this.#memory.claim(this.#bytes);
  }

  #drop(name: string): void {
    this.#bytes -= this.#known.get(name)?.bytes ?? 0;
    this.#known.delete(name);
  }
}

function nameOf({ ns, embedder, length }: Space): string {
  return JSON.stringify([ns, embedder, length]);
}
