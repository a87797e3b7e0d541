import { dirname, sep } from 'node:path';
import type { ListedFile } from '../sources/client.ts';
import { isModelName } from '../weights/extensions.ts';

/** A part of a root that was walked: a directory with all below it, or its own files only. */
interface Walked {
  directory: string;
  recursive: boolean;
}

/** The model files on the sources, as found by the last walks, whether or not a program has asked for them. */
export class Library {
  /** By root, bytes by path. */
  #byRoot = new Map<string, Map<string, number>>();

  /** Replaces the known files of a part of a root with those found by a walk. */
  note(root: string, { directory, recursive }: Walked, files: readonly ListedFile[]): void {
    const known = recursive && directory === root ? [] : [...(this.#byRoot.get(root) ?? [])];
    const inside = directory.endsWith(sep) ? directory : directory + sep;
    const isWalked = (path: string) => (recursive ? path.startsWith(inside) : dirname(path) === directory);
    const kept = known.filter(([path]) => !isWalked(path));
    const found = files.filter(({ path }) => isModelName(path));
    this.#byRoot.set(root, new Map([...kept, ...found.map(({ path, fingerprint }) => [path, fingerprint.size] as const)]));
  }

  /** For removed roots. */
  forget(root: string): void {
    this.#byRoot.delete(root);
  }

  *files(): Generator<{ path: string; size: number }> {
    for (const files of this.#byRoot.values()) for (const [path, size] of files) yield { path, size };
  }
}
