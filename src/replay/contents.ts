import { type Fill, isShort, mayBeCompressed } from '../policy/demotion.ts';
import { leaving } from '../policy/leaving.ts';
import { OrderedIndex } from '../policy/ordered-index.ts';
import type { Candidate, Policy } from '../policy/policy.ts';

type Entry = Candidate['entry'];

export interface File extends Entry {
  /** Extra time of a byte from its source instead of a copy, seconds, as a number and as text. */
  secondsPerByte: number;
  pace: string;
  /** Ratio of its size to that in the cold tier. */
  coldRatio: number;
}
export interface Held {
  file: File;
  state: 'hot' | 'cold';
  bytes: number;
  /** Its score when it was last computed. */
  score: number;
  /** Orders equals: the compressed one first, then the oldest. */
  tie: number;
}

/** More than the number of copies. */
const coldFirst = 2 ** 52;
/** Minimum ratio of a compressed file: a saving of a tenth. */
const leastRatio = 1 / 0.9;

/** The contents of one host's cache, under one limit for both tiers. */
export class Contents {
  readonly #capacity: number;
  readonly #policy: Policy;
  readonly #held = new Map<File, Held>();
  #index: OrderedIndex<Held>;
  #used = { hot: 0, cold: 0 };
  #order = 0;

  constructor(capacity: number, policy: Policy) {
    this.#capacity = capacity;
    this.#policy = policy;
    this.#index = new OrderedIndex(policy.order);
  }

  /** Bytes used by each kind. */
  get used(): Readonly<{ hot: number; cold: number }> {
    return this.#used;
  }

  stateOf(file: File): 'hot' | 'cold' | null {
    return this.#held.get(file)?.state ?? null;
  }

  put(file: File, state: 'hot' | 'cold'): void {
    this.remove(file);
    const bytes = state === 'hot' ? file.fingerprint.size : Math.ceil(file.fingerprint.size / file.coldRatio);
    const order = this.#order++;
    const held = { file, state, bytes, score: 0, tie: state === 'hot' ? order : order - coldFirst };
    this.#held.set(file, held);
    this.#place(held);
    this.#used[state] += bytes;
  }

  remove(file: File): void {
    const held = this.#held.get(file);
    if (!held) return;
    this.#used[held.state] -= held.bytes;
    this.#held.delete(file);
    this.#index.delete(held);
  }

  /** To be called after each use of a file. */
  touched(file: File): void {
    const held = this.#held.get(file);
    if (held) this.#place(held);
  }

  /**
   * The copies that must leave for `bytes` more of a file, and the bytes that must come free: lowest score first, of equals the
   * compressed one. Null when it cannot fit.
   */
  victimsFor(bytes: number, incoming: File, tick: number): Held[] | null {
    const short = this.short(bytes);
    if (short <= 0) return [];
    const ranked = this.#ranked(tick, ({ file }) => file !== incoming);
    const victims = leaving(ranked, short, this.#policy.packed ?? false);
    return victims.reduce((sum, victim) => sum + victim.bytes, 0) >= short ? victims : null;
  }

  /** Bytes that must come free for `bytes` more. */
  short(bytes: number): number {
    return this.#used.hot + this.#used.cold + bytes - this.#capacity;
  }

  /** Compresses the least valuable copies, one after the other, while room is short; yields the bytes written for each. */
  *demote(tick: number): Generator<number> {
    for (;;) {
      const next = this.#ranked(tick, (held) => this.#isCompressible(held)).next().value;
      if (!next || !isShort(next.bytes, this.#fill())) return;
      this.put(next.file, 'cold');
      yield this.#held.get(next.file)?.bytes ?? 0;
    }
  }

  #isCompressible({ file, state, bytes }: Held): boolean {
    return state === 'hot' && file.coldRatio >= leastRatio && mayBeCompressed(bytes, bytes / leastRatio, this.#fill());
  }

  #fill(): Fill {
    const { hot, cold } = this.#used;
    return { limit: this.#capacity, used: hot + cold, cold };
  }

  #place(held: Held): void {
    this.#index.put(held, candidateOf(held), held.tie);
  }

  /** Lowest score first, of equals the compressed one, then the oldest. */
  *#ranked(tick: number, which: (held: Held) => boolean): Generator<Held> {
    const { order, score } = this.#policy;
    if (!this.#index.isOf(order)) {
      this.#index = new OrderedIndex(order);
      for (const held of this.#held.values()) this.#place(held);
    }
    const scoreOf = (held: Held) => score(candidateOf(held), tick);
    for (const { item, score } of this.#index.ascending(tick, scoreOf)) {
      item.score = score;
      if (which(item)) yield item;
    }
  }
}

function candidateOf({ file: entry, bytes }: Held): Candidate {
  return { entry, bytes };
}
