import { ascending } from '../policy/ascending.ts';
import { type Fill, isShort, mayBeCompressed } from '../policy/demotion.ts';
import { leaving } from '../policy/leaving.ts';
import type { Candidate } from '../policy/policy.ts';

type Entry = Candidate['entry'];

export interface File extends Entry {
  /** Extra time of a byte from its source instead of a copy, seconds. */
  secondsPerByte: number;
  /** Ratio of its size to that in the cold tier. */
  coldRatio: number;
}
export interface Held {
  file: File;
  state: 'hot' | 'cold';
  bytes: number;
  /** When it came, counted; its worth at the last look, and its place among equals: the compressed one first. */
  order: number;
  score: number;
  tie: number;
}

/** More than all copies that ever come. */
const coldFirst = 2 ** 52;
/** A file that would save less than a tenth is not compressed. */
const leastRatio = 1 / 0.9;

/** The contents of one host's cache, under one limit for both tiers. */
export class Contents {
  readonly #capacity: number;
  readonly #score: (file: File, bytes: number) => number;
  readonly #packed: boolean;
  readonly #held = new Map<File, Held>();
  /** The same in an array, which is faster to go through. */
  #all: Held[] = [];
  #used = { hot: 0, cold: 0 };
  #order = 0;

  /** @param packed as in `Policy` */
  constructor(capacity: number, score: (file: File, bytes: number) => number, packed = false) {
    this.#capacity = capacity;
    this.#score = score;
    this.#packed = packed;
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
    const held = { file, state, bytes, order, score: 0, tie: state === 'hot' ? order : order - coldFirst };
    this.#held.set(file, held);
    this.#all.push(held);
    this.#used[state] += bytes;
  }

  remove(file: File): void {
    const held = this.#held.get(file);
    if (!held) return;
    this.#used[held.state] -= held.bytes;
    this.#held.delete(file);
    this.#all.splice(this.#all.indexOf(held), 1);
  }

  /**
   * The copies that must leave for `bytes` more of a file, and the bytes that must come free: lowest score first, of equals the
   * compressed one. Null when it cannot fit.
   */
  victimsFor(bytes: number, incoming: File): Held[] | null {
    const short = this.short(bytes);
    if (short <= 0) return [];
    const victims = leaving(
      this.#ranked((held) => held.file !== incoming),
      short,
      this.#packed,
    );
    return victims.reduce((sum, victim) => sum + victim.bytes, 0) >= short ? victims : null;
  }

  /** Bytes that must come free for so many more. */
  short(bytes: number): number {
    return this.#used.hot + this.#used.cold + bytes - this.#capacity;
  }

  /** Compresses the least valuable copies, one after the other, while room is short; yields the bytes written for each. */
  *demote(): Generator<number> {
    for (;;) {
      const next = this.#ranked((held) => this.#isCompressible(held)).next().value;
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

  /** Lowest score first, of equals the compressed one, then the one that came first. */
  #ranked(which: (held: Held) => boolean): Generator<Held> {
    const ranked = this.#all.filter(which);
    for (const held of ranked) held.score = this.#score(held.file, held.bytes);
    return ascending(ranked);
  }
}
