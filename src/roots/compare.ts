import { isSameFingerprint } from '../core/fingerprint.ts';
import { liesBelow, type PathRules } from './paths.ts';
import type { SourceFile } from './source-host.ts';

export type Verdict = 'same' | 'changed' | 'added';

/** What is known of a directory set against what a walk finds in it. */
export class Comparison {
  #rules: PathRules;
  #known = new Map<string, SourceFile>();

  constructor(rules: PathRules) {
    this.#rules = rules;
  }

  expect(file: SourceFile): void {
    this.#known.set(this.#rules.key(file.path), file);
  }

  see(file: SourceFile): Verdict {
    const key = this.#rules.key(file.path);
    const known = this.#known.get(key);
    if (!known) return 'added';
    this.#known.delete(key);
    return isSameFingerprint(known.fingerprint, file.fingerprint) ? 'same' : 'changed';
  }

  /** Known files that were not found and are not at or below one of `unread`: these may be gone. */
  unseen(unread: readonly string[]): string[] {
    const { key } = this.#rules;
    const excused = (path: string) => unread.some((top) => key(path) === key(top) || liesBelow(path, top, this.#rules));
    return [...this.#known.values()].map((file) => file.path).filter((path) => !excused(path));
  }
}
