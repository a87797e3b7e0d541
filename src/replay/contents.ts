import { type Fill, isShort, mayBeCompressed } from '../policy/demotion.ts';
import type { Candidate } from '../policy/policy.ts';

type Entry = Candidate['entry'];

export interface File extends Entry {
  /** Bytes per second of its source. */
  sourceSpeed: number;
  /** Ratio of its size to that in the cold tier. */
  coldRatio: number;
}
interface Held {
  file: File;
  state: 'hot' | 'cold';
  bytes: number;
}

/** A file that would save less than a tenth is not compressed. */
const leastRatio = 1 / 0.9;

/** The contents of one host's cache, under one limit for both tiers. */
export class Contents {
  readonly #capacity: number;
  readonly #score: (file: File, bytes: number) => number;
  readonly #held = new Map<File, Held>();
  #used = { hot: 0, cold: 0 };

  constructor(capacity: number, score: (file: File, bytes: number) => number) {
    this.#capacity = capacity;
    this.#score = score;
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
    this.#held.set(file, { file, state, bytes });
    this.#used[state] += bytes;
  }

  remove(file: File): void {
    const held = this.#held.get(file);
    if (held) this.#used[held.state] -= held.bytes;
    this.#held.delete(file);
  }

  /**
   * The copies that must leave for `bytes` more of a file: lowest score first, of equals the compressed one. Null when it cannot
   * fit.
   */
  victimsFor(bytes: number, incoming: File): Held[] | null {
    let short = this.#used.hot + this.#used.cold + bytes - this.#capacity;
    const victims: Held[] = [];
    if (short <= 0) return victims;
    for (const held of this.#ranked((held) => held.file !== incoming)) {
      victims.push(held);
      short -= held.bytes;
      if (short <= 0) return victims;
    }
    return null;
  }

  /** Compresses the least valuable copies, one after the other, while room is short; yields the bytes written for each. */
  *demote(): Generator<number> {
    for (;;) {
      const next = this.#ranked((held) => this.#isCompressible(held))[0];
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

  #ranked(which: (held: Held) => boolean): Held[] {
    const scored = [...this.#held.values()].filter(which).map((held) => ({ held, score: this.#score(held.file, held.bytes) }));
    const isHot = ({ state }: Held) => Number(state === 'hot');
    return scored.sort((a, b) => a.score - b.score || isHot(a.held) - isHot(b.held)).map(({ held }) => held);
  }
}
