import type { Copy } from '../core/types.ts';

/** A copy that can leave, with no more than the choice needs. */
export interface EvictionCandidate extends Pick<Copy, 'id' | 'bytes' | 'form'> {
  score: number;
  /** A running program was given its path. */
  given: boolean;
}

interface Unit {
  /** Ids of copies. */
  names: number[];
  /** Bytes freed when all of them leave. */
  bytes: number;
  score: number;
  isPlain: boolean;
  /** A running program was given one of its names. */
  given: boolean;
}

/**
 * Gathers the copies that leave, from all that can: those that no running program was given come first, then lowest score first, and of
 * equals the compressed one. The names of one placement leave together or not at all, as one alone frees nothing; such a unit has the
 * highest score of its names. There may be a hundred thousand copies: only those that leave are kept.
 */
export class Victims {
  readonly #short: number;
  /** In the order in which they leave; none of them could stay. */
  readonly #units: Unit[] = [];
  #bytes = 0;

  /** @param short bytes that must come free */
  constructor(short: number) {
    this.#short = short;
  }

  /** Bytes freed when all of them leave. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Ids of the copies, in the order in which they leave. */
  get ids(): number[] {
    return this.#units.flatMap(({ names }) => names);
  }

  /** Whether others are enough that leave before any copy with such a score. */
  leaves(score: number): boolean {
    const last = this.#units.at(-1);
    return !last || this.#bytes < this.#short || last.given || score <= last.score;
  }

  /** @param names all names of one placement */
  add(names: readonly EvictionCandidate[]): void {
    const [first] = names;
    if (!first) return;
    const unit: Unit = {
      names: names.map(({ id }) => id),
      bytes: first.bytes,
      score: Math.max(...names.map(({ score }) => score)),
      isPlain: first.form === 'plain',
      given: names.some(({ given }) => given),
    };
    this.#units.splice(this.#placeOf(unit), 0, unit);
    this.#bytes += unit.bytes;
    for (let last = this.#units.at(-1); last && this.#bytes - last.bytes >= this.#short; last = this.#units.at(-1)) {
      this.#units.pop();
      this.#bytes -= last.bytes;
    }
  }

  #placeOf(unit: Unit): number {
    let [low, high] = [0, this.#units.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#units[middle];
      if (other && leavesBefore(other, unit) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Negative when `a` leaves first. */
function leavesBefore(a: Unit, b: Unit): number {
  const firstId = ({ names: [first = 0] }: Unit) => first;
  return (
    Number(a.given) - Number(b.given) || a.score - b.score || Number(a.isPlain) - Number(b.isPlain) || firstId(a) - firstId(b)
  );
}
