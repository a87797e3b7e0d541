import { LRUCache } from 'lru-cache';
import type { Entry } from './entry.ts';

/** What an entry takes in memory besides its text, bytes. */
const overhead = 1024;

/** The entries that were used last, in the memory of the daemon, within a number of bytes. */
export class Recent {
  readonly limit: number;
  readonly #entries: LRUCache<string, Entry> | null;
  #claimed = 0;

  /** @param limit most bytes; 0 = keeps nothing */
  constructor(limit: number) {
    this.limit = limit;
    const sizeCalculation = ({ doc, text }: Entry) => overhead + 2 * (doc ?? text ?? '').length;
    this.#entries = limit > 0 ? new LRUCache({ maxSize: limit, sizeCalculation }) : null;
  }

  get(ns: string, key: string): Entry | undefined {
    return this.#entries?.get(`${ns}\0${key}`);
  }

  put(entry: Entry): void {
    this.#entries?.set(`${entry.ns}\0${entry.key}`, entry);
    this.#fit();
  }

  /** Something else takes so many of the bytes, at most `limit`. */
  claim(bytes: number): void {
    this.#claimed = bytes;
    this.#fit();
  }

  remove({ ns, key }: Pick<Entry, 'ns' | 'key'>): void {
    this.#entries?.delete(`${ns}\0${key}`);
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
