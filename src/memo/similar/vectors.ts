import { setImmediate } from 'node:timers/promises';
import { Nearest, type Neighbour } from './nearest.ts';

/** Maximum number of a namespace's texts whose meaning is compared, and maximum bytes of their vectors; the oldest leaves. */
const mostVectors = 50_000;
const mostBytes = 80_000_000;

/** Number of vectors compared without a pause: about 1 ms. */
const slice = 4096;

/** Memory of a text apart from its vector, bytes. */
export const bytesPerText = 256;

/** Maximum number of vectors of a length that are compared. */
export function mostOf(length: number): number {
  return Math.min(mostVectors, Math.floor(mostBytes / (4 * length)));
}

/** The unit vectors of a namespace's texts. All are compared: 50,000 of 384 numbers take some 12 ms. */
export class Vectors {
  readonly #length: number;
  readonly #most: number;
  /** The place of each, the oldest first. */
  readonly #places = new Map<number, number>();
  readonly #ids: number[] = [];
  readonly #scopes: string[] = [];
  #numbers: Float32Array;

  /** @param length of each vector */
  constructor(length: number, most = mostVectors) {
    this.#length = length;
    this.#most = Math.min(most, mostOf(length));
    this.#numbers = new Float32Array(length * Math.min(64, this.#most));
  }

  /** Their memory, bytes. */
  get bytes(): number {
    return this.#numbers.byteLength + this.#ids.length * bytesPerText;
  }

  /** @returns the id of the text that left for it, or null */
  add(id: number, scope: string, vector: Float32Array): number | null {
    this.drop(id);
    const [oldest = null] = this.#places.size >= this.#most ? this.#places.keys() : [];
    if (oldest !== null) this.drop(oldest);
    const at = this.#ids.length;
    this.#places.set(id, at);
    this.#ids[at] = id;
    this.#scopes[at] = scope;
    this.#withRoom(at).set(vector, at * this.#length);
    return oldest;
  }

  drop(id: number): void {
    const at = this.#places.get(id);
    const [lastId, lastScope] = [this.#ids.at(-1), this.#scopes.at(-1)];
    if (at === undefined || lastId === undefined || lastScope === undefined) return;
    const last = this.#ids.length - 1;
    this.#numbers.copyWithin(at * this.#length, last * this.#length, (last + 1) * this.#length);
    this.#ids[at] = lastId;
    this.#scopes[at] = lastScope;
    this.#places.set(lastId, at);
    this.#places.delete(id);
    this.#ids.pop();
    this.#scopes.pop();
  }

  /** The nearest of a scope, or of all; the nearest first. One that leaves or moves meanwhile may be missed. */
  async nearest(scope: string | null, vector: Float32Array, most: number): Promise<Neighbour[]> {
    const nearest = new Nearest(most);
    for (let at = 0; at < this.#ids.length; at += 1) {
      if (at % slice === slice - 1) await setImmediate();
      const id = this.#ids[at];
      if (id === undefined || (scope !== null && this.#scopes[at] !== scope)) continue;
      nearest.offer(id, this.#product(at, vector));
    }
    return nearest.found.filter(({ id }) => this.#places.has(id));
  }

  #product(at: number, vector: Float32Array): number {
    const start = at * this.#length;
    let sum = 0;
    for (let index = 0; index < this.#length; index += 1)
      sum += (this.#numbers[start + index] as number) * (vector[index] as number);
    return sum;
  }

  #withRoom(at: number): Float32Array {
    if ((at + 1) * this.#length > this.#numbers.length) {
      const places = Math.ceil(1.25 * (at + 1));
      const larger = new Float32Array(Math.min(this.#most, places) * this.#length);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    return this.#numbers;
  }
}
