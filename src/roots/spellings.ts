import { foldCase } from '../core/fold-case.ts';

/** Maximum number of requested paths that are remembered, so that names without files cannot fill the memory. */
const mostGuessed = 200_000;

/** The paths below a root whose file system ignores case: each has one spelling that counts, which is that of the disk once it is known. */
export class Spellings {
  readonly #sep: string;
  readonly #byKey = new Map<string, string>();

  constructor(sep: string) {
    this.#sep = sep;
  }

  /** The spelling that counts. A path met for the first time keeps its own, below the known directories. */
  of(rel: string): string {
    const key = foldCase(rel);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const end = rel.lastIndexOf(this.#sep);
    const spelled = end === -1 ? rel : this.of(rel.slice(0, end)) + rel.slice(end);
    if (this.#byKey.size < mostGuessed) this.#byKey.set(key, spelled);
    return spelled;
  }

  /** The spelling that counts if it differs from `rel`; null when it is the same or unknown. */
  other(rel: string): string | null {
    const known = this.#byKey.get(foldCase(rel));
    return known === undefined || known === rel ? null : known;
  }

  /** Makes the spelling on the disk the one that counts. */
  note(rel: string): void {
    const key = foldCase(rel);
    if (this.#byKey.get(key) === rel) return;
    this.#byKey.set(key, rel);
    const end = rel.lastIndexOf(this.#sep);
    if (end !== -1) this.note(rel.slice(0, end));
  }
}
