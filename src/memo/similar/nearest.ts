export interface Neighbour {
  /** The id of its entry. */
  id: number;
  /** Cosine of the angle between both: 1 = the same direction. */
  similarity: number;
}

/** The nearest of many vectors seen one after the other. */
export class Nearest {
  readonly #most: number;
  readonly #found: Neighbour[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  offer(id: number, similarity: number): void {
    if (this.#found.length === this.#most && similarity <= (this.#found.at(-1)?.similarity ?? 0)) return;
    const place = this.#found.findIndex((one) => one.similarity < similarity);
    this.#found.splice(place < 0 ? this.#found.length : place, 0, { id, similarity });
    if (this.#found.length > this.#most) this.#found.pop();
  }

  /** The nearest first. */
  get found(): readonly Neighbour[] {
    return this.#found;
  }
}

/** Cosine of the angle between two unit vectors of one length. */
export function cosine(one: Float32Array, other: Float32Array): number {
  return one.reduce((sum, number, at) => sum + number * (other[at] ?? 0), 0);
}
