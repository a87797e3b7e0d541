import type { Copy } from '../core/types.ts';
import { ascending } from '../policy/ascending.ts';
import { leaving } from '../policy/leaving.ts';

/** A copy that can leave, with no more than the choice needs. */
export interface EvictionCandidate extends Pick<Copy, 'id' | 'bytes' | 'form'> {
  score: number;
  /** A running program was given its path. */
  given: boolean;
}

/** The names of one placement: they leave together or not at all, as one alone frees nothing. */
interface Unit {
  /** Ids of copies. */
  names: number[];
  /** Bytes freed when all of them leave. */
  bytes: number;
  /** The highest of its names. */
  score: number;
  /** Orders equals. */
  tie: number;
  given: boolean;
}

interface Choice {
  /** Bytes that must come free. */
  short: number;
  /** As in `Policy`. */
  packed: boolean;
  /** Whether this copy may leave at all: asked only of those whose turn has come. */
  mayLeave(id: number): boolean;
}

/** Further than any id of a copy: of equals the compressed one leaves before all plain ones. */
const afterCompressed = 2 ** 52;

/**
 * The copies that leave, from all that can: those that no running program was given come first, then lowest score first, and of equals
 * the compressed one.
 */
export class Victims {
  readonly #kept: Unit[] = [];
  readonly #given: Unit[] = [];

  /** @param names all names of one placement */
  add(names: readonly EvictionCandidate[]): void {
    const [first] = names;
    if (!first) return;
    const { id, bytes, form, score, given } = first;
    const unit: Unit = { names: [id], bytes, score, tie: form === 'plain' ? id + afterCompressed : id, given };
    for (const { id, score, given } of names.slice(1)) {
      unit.names.push(id);
      unit.score = Math.max(unit.score, score);
      unit.given ||= given;
    }
    (unit.given ? this.#given : this.#kept).push(unit);
  }

  /** To be called once. @returns ids of the copies in the order in which they leave, and the bytes freed */
  choose({ short, packed, mayLeave }: Choice): { ids: number[]; bytes: number } {
    const units = leaving(this.#leavable(mayLeave), short, packed);
    return { ids: units.flatMap(({ names }) => names), bytes: units.reduce((sum, { bytes }) => sum + bytes, 0) };
  }

  *#leavable(mayLeave: Choice['mayLeave']): Generator<Unit> {
    for (const group of [this.#kept, this.#given])
      for (const unit of ascending(group)) if (unit.names.every(mayLeave)) yield unit;
  }
}
