/** A place in an order: a lower score comes first, and among equals the lower `tie`. */
export interface Placed {
  score: number;
  tie: number;
}

/** Items of which the first one, lowest score first, can be taken at any time: a binary heap. */
export class MinHeap<T extends Placed> {
  readonly #items: T[] = [];

  push(item: T): void {
    const items = this.#items;
    let k = items.length;
    while (k > 0) {
      const parent = (k - 1) >> 1;
      if (!isBefore(item, items[parent] as T)) break;
      items[k] = items[parent] as T;
      k = parent;
    }
    items[k] = item;
  }

  /** Takes the first one out; undefined when there is none. */
  pop(): T | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (last !== undefined && items.length > 0) this.#sink(last);
    return first;
  }

  /** Puts an item in the place of the first one. */
  #sink(item: T): void {
    const items = this.#items;
    let k = 0;
    for (;;) {
      let child = 2 * k + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && isBefore(items[child + 1] as T, items[child] as T)) child += 1;
      if (!isBefore(items[child] as T, item)) break;
      items[k] = items[child] as T;
      k = child;
    }
    items[k] = item;
  }
}

function isBefore(one: Placed, other: Placed): boolean {
  return one.score < other.score || (one.score === other.score && one.tie < other.tie);
}
