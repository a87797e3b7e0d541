import { basename, sep } from 'node:path';
import type { ListedFile } from '../sources/client.ts';
import { stemOf } from '../weights/companion-names.ts';
import { isModelName } from '../weights/extensions.ts';

/** A walked part of a root: a directory with everything below it, or its own files only. */
interface Walked {
  directory: string;
  recursive: boolean;
}

/** Files of a root in compact form: as strings, the paths of a hundred thousand would take tens of megabytes. */
interface Files {
  /** Their paths below the root, each ended by a NUL. */
  rels: string;
  /** Sizes in the same order, bytes. */
  sizes: Float64Array;
}

interface LibraryFile {
  rel: string;
  size: number;
}

/** The model files on the sources, as found by the last walks, whether or not a program has asked for them. */
export class Library {
  #byRoot = new Map<string, Files[]>();

  /** Takes the files that a walk of a part of a root finds; its end replaces the known files of the part. */
  walk(root: string, walked: Walked): LibraryWalk {
    const prefix = prefixOf(root);
    const part = { below: prefixOf(walked.directory).slice(prefix.length), recursive: walked.recursive };
    const found: Files[] = [];
    return {
      add(listed) {
        const models = listed.filter(({ path }) => isModelName(path));
        const files = models.map(({ path, fingerprint: { size } }) => ({ rel: path.slice(prefix.length), size }));
        if (files.length > 0) found.push(packed(files));
      },
      end: () => {
        const before = this.#byRoot.get(root);
        const touched = (before ?? []).filter((files) => holdsAny(part, files));
        const untouched = before?.filter((files) => !touched.includes(files)) ?? [];
        this.#byRoot.set(root, [...untouched, ...touched.flatMap((files) => without(part, files)), ...found]);
        return before ? arrived(touched, found).map((rel) => prefix + rel) : [];
      },
    };
  }

  /** Adds a file that was read but not found by the last walk of its root. */
  met(root: string, path: string, size: number): void {
    const files = this.#byRoot.get(root);
    const rel = path.slice(prefixOf(root).length);
    const isKnown = ({ rels }: Files) => rels.startsWith(`${rel}\0`) || rels.includes(`\0${rel}\0`);
    if (files && isModelName(path) && !files.some(isKnown)) files.push(packed([{ rel, size }]));
  }

  /** The paths of all files of this stem, with any extension. */
  withStem(stem: string): string[] {
    return [...this.#byRoot].flatMap(([root, all]) => {
      const some = all.filter(({ rels }) => rels.includes(`${stem}.`)).flatMap((files) => [...each(files)]);
      return some.flatMap(({ rel }) => (stemOf(basename(rel)) === stem ? [prefixOf(root) + rel] : []));
    });
  }

  /** Whether a part of the root has been walked. */
  isListed(root: string): boolean {
    return this.#byRoot.has(root);
  }

  /** Forgets a removed root. */
  forget(root: string): void {
    this.#byRoot.delete(root);
  }

  *files(): Generator<{ path: string; size: number }> {
    for (const [root, all] of this.#byRoot) {
      const prefix = prefixOf(root);
      for (const files of all) for (const { rel, size } of each(files)) yield { path: prefix + rel, size };
    }
  }
}

export interface LibraryWalk {
  add(listed: readonly ListedFile[]): void;
  /** @returns the new paths; none at the first walk of a root */
  end(): string[];
}

function prefixOf(directory: string): string {
  return directory.endsWith(sep) ? directory : directory + sep;
}

function packed(files: readonly LibraryFile[]): Files {
  return { rels: files.map(({ rel }) => `${rel}\0`).join(''), sizes: Float64Array.from(files, ({ size }) => size) };
}

/** The new files. Usually none, which costs one comparison. */
function arrived(before: readonly Files[], found: readonly Files[]): string[] {
  const textOf = (files: readonly Files[]) => files.map(({ rels }) => rels).join('');
  const [was, is] = [textOf(before), textOf(found)];
  if (`\0${was}`.includes(`\0${is}`)) return [];
  const known = new Set(was.split('\0'));
  return is.split('\0').filter((rel) => !known.has(rel));
}

function* each({ rels, sizes }: Files): Generator<LibraryFile> {
  let at = 0;
  for (const size of sizes) {
    const end = rels.indexOf('\0', at);
    yield { rel: rels.slice(at, end), size };
    at = end + 1;
  }
}

/** A part of a root. */
interface Part {
  /** Its path below the root with a separator, empty for the root. */
  below: string;
  recursive: boolean;
}

/** Whether some of the files are of the part. Makes no string of each: a file that appears in a directory would cost megabytes. */
function holdsAny({ below, recursive }: Part, { rels }: Files): boolean {
  for (let at = 0, end = 0; at < rels.length; at = end + 1) {
    end = rels.indexOf('\0', at);
    if (rels.startsWith(below, at) && (recursive || rels.lastIndexOf(sep, end) < at + below.length)) return true;
  }
  return false;
}

/** The same files without those of a part. */
function without({ below, recursive }: Part, files: Files): Files[] {
  const isOf = ({ rel }: LibraryFile) => rel.startsWith(below) && (recursive || !rel.includes(sep, below.length));
  const left = [...each(files)].filter((file) => !isOf(file));
  return left.length > 0 ? [packed(left)] : [];
}
