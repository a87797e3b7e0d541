import { LRUCache } from 'lru-cache';
import type { Entry } from './entry.ts';
import { resultName } from './result-name.ts';

/** Memory of an entry apart from its text, bytes. */
const overhead = 1024;

/** The last used entries, in the daemon's memory, within a number of bytes. */
export class Recent {
  readonly limit: number;
  readonly #entries: LRUCache<string, Entry> | null;
  #claimed = 0;

  /** @param limit maximum bytes; 0 = keeps nothing */
  constructor(limit: number) {
    this.limit = limit;
    const sizeCalculation = ({ doc, text }: Entry) => overhead + 2 * (doc ?? text ?? '').length;
    this.#entries = limit > 0 ? new LRUCache({ maxSize: limit, sizeCalculation }) : null;
  }

  get(ns: string, key: string): Entry | undefined {
    return this.#entries?.get(resultName({ ns, key }));
  }

  put(entry: Entry): void {
    this.#entries?.set(resultName(entry), entry);
    this.#fit();
  }

  /** Sets the bytes of the limit that another use takes. */
  claim(bytes: number): void {
    this.#claimed = bytes;
    this.#fit();
  }

  remove({ ns, key }: Pick<Entry, 'ns' | 'key'>): void {
    this.#entries?.delete(resultName({ ns, key }));
  }

  get items(): number {
    return this.#entries?.size ?? 0;
  }

  get bytes(): number {
    return this.#claimed + (this.#entries?.calculatedSize ?? 0);
  }

  #fit(): void {
    while (this.bytes > this.limit && this.#entries?.pop()) {}
  }
}
