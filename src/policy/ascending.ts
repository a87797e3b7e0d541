/** An item with its place in an order; smaller leaves first, and `tie` decides among equals. */
export interface Ranked<T> {
  item: T;
  rank: number;
  tie: number;
}

/**
 * The items from the lowest rank up. Each is found when it is asked for, so that the first of ten thousand cost no sort of all. The array
 * is used up.
 */
export function* ascending<T>(items: Ranked<T>[]): Generator<T> {
  const heap = items;
  for (let k = (heap.length >> 1) - 1; k >= 0; k--) sink(heap, k, heap.length);
  for (let length = heap.length; length > 0; length--) {
    const [first] = heap as [Ranked<T>];
    heap[0] = heap[length - 1] as Ranked<T>;
    sink(heap, 0, length - 1);
    yield first.item;
  }
}

function sink<T>(heap: Ranked<T>[], from: number, length: number): void {
  const moved = heap[from] as Ranked<T>;
  let k = from;
  for (;;) {
    let child = 2 * k + 1;
    if (child >= length) break;
    if (child + 1 < length && isBefore(heap[child + 1] as Ranked<T>, heap[child] as Ranked<T>)) child += 1;
    if (!isBefore(heap[child] as Ranked<T>, moved)) break;
    heap[k] = heap[child] as Ranked<T>;
    k = child;
  }
  heap[k] = moved;
}

function isBefore<T>(one: Ranked<T>, other: Ranked<T>): boolean {
  return one.rank < other.rank || (one.rank === other.rank && one.tie < other.tie);
}
