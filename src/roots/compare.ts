import { isSameFingerprint } from '../core/fingerprint.ts';
import { liesBelow, type PathRules } from '../media/paths.ts';
import type { ListedFile } from '../sources/client.ts';

/** What is known of a directory set against what a walk finds in it. */
export class Comparison {
  #rules: PathRules;
  // By directory: one map of 100,000 files would stop the event loop for some 10 ms whenever it grows.
  #known = new Map<string, Map<string, ListedFile>>();

  constructor(rules: PathRules) {
    this.#rules = rules;
  }

  expect(file: ListedFile): void {
    const key = this.#rules.key(file.path);
    const directory = this.#rules.dirname(key);
    const files = this.#known.get(directory);
    if (files) files.set(key, file);
    else this.#known.set(directory, new Map([[key, file]]));
  }

  /** A walk found this file; true when it is known, and is not as it is known. */
  isChanged(file: ListedFile): boolean {
    const key = this.#rules.key(file.path);
    const files = this.#known.get(this.#rules.dirname(key));
    const known = files?.get(key);
    if (!files || !known) return false;
    files.delete(key);
    return !isSameFingerprint(known.fingerprint, file.fingerprint);
  }

  /** Known files that were not found and are not at or below one of `unread`: these may be gone. */
  unseen(unread: readonly string[]): ListedFile[] {
    const { key } = this.#rules;
    const excused = (path: string) => unread.some((top) => key(path) === key(top) || liesBelow(path, top, this.#rules));
    return [...this.#known.values()].flatMap((files) => [...files.values()]).filter(({ path }) => !excused(path));
  }
}
