import { basename, dirname, sep } from 'node:path';
import type { ListedFile } from '../sources/client.ts';
import { stemOf } from '../weights/companion-names.ts';
import { isModelName } from '../weights/extensions.ts';

/** A part of a root that was walked: a directory with all below it, or its own files only. */
interface Walked {
  directory: string;
  recursive: boolean;
}

/** The model files of a root. */
interface Listed {
  /** Bytes by path. */
  sizes: Map<string, number>;
  /** Paths by stem. */
  stems: Map<string, string[]>;
}

/** The model files on the sources, as found by the last walks, whether or not a program has asked for them. */
export class Library {
  #byRoot = new Map<string, Listed>();

  /** Replaces the known files of a part of a root with those found by a walk. */
  note(root: string, { directory, recursive }: Walked, files: readonly ListedFile[]): void {
    const known = recursive && directory === root ? [] : [...(this.#byRoot.get(root)?.sizes ?? [])];
    const inside = directory.endsWith(sep) ? directory : directory + sep;
    const isWalked = (path: string) => (recursive ? path.startsWith(inside) : dirname(path) === directory);
    const kept = known.filter(([path]) => !isWalked(path));
    const found = files.filter(({ path }) => isModelName(path));
    const sizes = new Map([...kept, ...found.map(({ path, fingerprint }) => [path, fingerprint.size] as const)]);
    this.#byRoot.set(root, { sizes, stems: Map.groupBy(sizes.keys(), (path) => stemOf(basename(path))) });
  }

  /** The paths of all files that are called so, whatever their extension. */
  withStem(stem: string): string[] {
    return [...this.#byRoot.values()].flatMap(({ stems }) => stems.get(stem) ?? []);
  }

  /** Whether a part of the root has been walked. */
  isListed(root: string): boolean {
    return this.#byRoot.has(root);
  }

  /** For removed roots. */
  forget(root: string): void {
    this.#byRoot.delete(root);
  }

  *files(): Generator<{ path: string; size: number }> {
    for (const { sizes } of this.#byRoot.values()) for (const [path, size] of sizes) yield { path, size };
  }
}
