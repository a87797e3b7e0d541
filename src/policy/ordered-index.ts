import { LeastKeys } from './least-keys.ts';
import { MinHeap, type Placed } from './min-heap.ts';
import type { Candidate, Order } from './policy.ts';

/** Candidates with one pace and one label. */
interface Group<Item> {
  label: string;
  /** The last added one, which represents the pace of all. */
  like: Candidate['entry'];
  keys: LeastKeys;
  /** By slot. */
  items: (Item | undefined)[];
  empty: number[];
}

/** An element of the search frontier: a node or a slot with a bound of its scores, or an item with its score. */
interface Found<Item> extends Placed {
  group: Group<Item>;
  bound: ReturnType<Order['bound']>;
  /** -1: an item. */
  level: number;
  node: number;
}

/**
 * Candidates in the order of a policy's scores, lowest first, each found on demand.
 *
 * Scores change all the time, and so may their order: counts fade, each at several speeds, and wishes shift the weights of these. Some
 * numbers of a candidate change with its uses only (`Order`). The minima of these numbers over many candidates give a lower bound of
 * their scores at any time. So the search begins with the root, divides the node of the lowest bound, and yields a candidate as soon
 * as its score is below all bounds: the order is exactly that of computing all scores. (Branch and bound over component-wise minima, as
 * in "Branch-and-bound processing of ranked queries", Tao, Hristidis, Papadias, Papakonstantinou 2007.)
 */
export class OrderedIndex<Item> {
  readonly #order: Order;
  readonly #era: number;
  readonly #groups = new Map<string, Group<Item>>();
  readonly #places = new Map<Item, { group: Group<Item>; slot: number }>();

  constructor(order: Order) {
    this.#order = order;
    this.#era = order.era();
  }

  /** Whether the index is valid for this order at present; otherwise a new one is needed. */
  isOf(order: Order): boolean {
    return order === this.#order && order.era() === this.#era;
  }

  /** Adds an item, or updates it after a use of its candidate. @param tie orders equals @param label for `ascending` */
  put(item: Item, candidate: Candidate, tie: number, label = ''): void {
    const pace = `${label}\0${this.#order.pace(candidate.entry)}`;
    let place = this.#places.get(item);
    const keys = this.#order.keys(candidate);
    const group = this.#groups.get(pace) ?? this.#open(pace, label, candidate.entry, keys.length);
    if (place && place.group !== group) {
      this.delete(item);
      place = undefined;
    }
    const slot = place?.slot ?? group.empty.pop() ?? group.items.length;
    group.like = candidate.entry;
    group.items[slot] = item;
    if (!place) this.#places.set(item, { group, slot });
    group.keys.set(slot, keys, tie);
  }

  delete(item: Item): void {
    const place = this.#places.get(item);
    if (!place) return;
    const { group, slot } = place;
    this.#places.delete(item);
    group.items[slot] = undefined;
    group.keys.clear(slot);
    group.empty.push(slot);
  }

  /** Must not be changed meanwhile. @param scoreOf the policy's score at `tick` @param isWanted by label; all when left out */
  *ascending(
    tick: number,
    scoreOf: (item: Item) => number,
    isWanted?: (label: string) => boolean,
  ): Generator<{ item: Item; score: number }> {
    const open = new MinHeap<Found<Item>>();
    for (const group of this.#groups.values()) {
      if (isWanted && !isWanted(group.label)) continue;
      const bound = this.#order.bound(tick, group.like);
      look(open, group, bound, group.keys.top, 0);
    }
    for (let next = open.pop(); next; next = open.pop()) {
      const { group, bound, level, node } = next;
      if (level < 0) yield { item: group.items[node] as Item, score: next.score };
      else if (level === 0)
        open.push({ group, bound, level: -1, node, score: scoreOf(group.items[node] as Item), tie: next.tie });
      else {
        const { first, last } = group.keys.below(level, node);
        for (let child = first; child < last; child++) look(open, group, bound, level - 1, child);
      }
    }
  }

  #open(pace: string, label: string, like: Candidate['entry'], width: number): Group<Item> {
    const group: Group<Item> = { label, like, keys: new LeastKeys(width), items: [], empty: [] };
    this.#groups.set(pace, group);
    return group;
  }
}

function look<Item>(
  open: MinHeap<Found<Item>>,
  group: Group<Item>,
  bound: Found<Item>['bound'],
  level: number,
  node: number,
): void {
  const { keys } = group;
  const tie = keys.tie(level, node);
  if (tie === Number.POSITIVE_INFINITY) return;
  open.push({ group, bound, level, node, score: bound(keys.rows(level), node * keys.stride), tie });
}
