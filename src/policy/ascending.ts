/** A place in an order: a lower score comes first, and among equals the lower `tie`. */
export interface Placed {
  score: number;
  tie: number;
}

/**
 * The items from the lowest score up. Each is found when it is asked for, so that the first of ten thousand cost no sort of all. The array
 * is used up.
 */
export function* ascending<T extends Placed>(heap: T[]): Generator<T> {
  for (let k = (heap.length >> 1) - 1; k >= 0; k--) sink(heap, k, heap.length);
  for (let length = heap.length; length > 0; length--) {
    const first = heap[0] as T;
    heap[0] = heap[length - 1] as T;
    sink(heap, 0, length - 1);
    yield first;
  }
}

function sink<T extends Placed>(heap: T[], from: number, length: number): void {
  const moved = heap[from] as T;
  let k = from;
  for (;;) {
    let child = 2 * k + 1;
    if (child >= length) break;
    if (child + 1 < length && isBefore(heap[child + 1] as T, heap[child] as T)) child += 1;
    if (!isBefore(heap[child] as T, moved)) break;
    heap[k] = heap[child] as T;
    k = child;
  }
  heap[k] = moved;
}

function isBefore(one: Placed, other: Placed): boolean {
  return one.score < other.score || (one.score === other.score && one.tie < other.tie);
}
