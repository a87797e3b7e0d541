/** Children of a node: 8 numbers fill a cache line. */
const fan = 8;

/**
 * Rows of numbers in numbered slots; above each eight of them a node with the minimum of each column, and so on up to one node. Level 0
 * holds the slots. The last column orders equals; it is infinite for an empty slot.
 */
export class LeastKeys {
  /** Numbers in a row. */
  readonly stride: number;
  #levels: Float64Array[];

  /** @param width number of columns without the last one */
  constructor(width: number) {
    this.stride = width + 1;
    this.#levels = [this.#empty(1)];
  }

  /** The level of the topmost node. */
  get top(): number {
    return this.#levels.length - 1;
  }

  /** The rows of a level, one after the other. */
  rows(level: number): Float64Array {
    return this.#levels[level] as Float64Array;
  }

  /** The nodes, or slots, below a node: from the first up to, not including, the last. */
  below(level: number, node: number): { first: number; last: number } {
    const first = node * fan;
    return { first, last: Math.min(first + fan, this.rows(level - 1).length / this.stride) };
  }

  tie(level: number, node: number): number {
    return this.rows(level)[(node + 1) * this.stride - 1] as number;
  }

  /** Fills a slot. @param keys one for each column but the last */
  set(slot: number, keys: readonly number[], tie: number): void {
    if (slot * this.stride >= this.rows(0).length) this.#grow(slot + 1);
    const slots = this.rows(0);
    const from = slot * this.stride;
    for (let k = 0; k < keys.length; k++) slots[from + k] = keys[k] as number;
    slots[from + keys.length] = tie;
    this.#renewAbove(slot);
  }

  clear(slot: number): void {
    this.rows(0).fill(Number.POSITIVE_INFINITY, slot * this.stride, (slot + 1) * this.stride);
    this.#renewAbove(slot);
  }

  #empty(rows: number): Float64Array {
    return new Float64Array(rows * this.stride).fill(Number.POSITIVE_INFINITY);
  }

  #grow(slots: number): void {
    const before = this.rows(0);
    let rows = Math.max(slots, (2 * before.length) / this.stride);
    const grown = this.#empty(rows);
    grown.set(before);
    this.#levels = [grown];
    for (; rows > 1; this.#levels.push(this.#empty(rows))) rows = Math.ceil(rows / fan);
    for (let level = 1; level <= this.top; level++) {
      const nodes = this.rows(level).length / this.stride;
      for (let node = 0; node < nodes; node++) this.#renew(level, node);
    }
  }

  #renewAbove(slot: number): void {
    let node = slot;
    for (let level = 1; level <= this.top; level++) {
      node = Math.floor(node / fan);
      if (!this.#renew(level, node)) return;
    }
  }

  /** @returns whether a minimum has changed */
  #renew(level: number, node: number): boolean {
    const { stride } = this;
    const [rows, children] = [this.rows(level), this.rows(level - 1)];
    const from = node * stride;
    const first = from * fan;
    const last = Math.min(first + fan * stride, children.length);
    let changed = false;
    for (let column = 0; column < stride; column++) {
      let least = Number.POSITIVE_INFINITY;
      for (let k = first + column; k < last; k += stride) {
        const key = children[k] as number;
        if (key < least) least = key;
      }
      if (rows[from + column] === least) continue;
      rows[from + column] = least;
      changed = true;
    }
    return changed;
  }
}
