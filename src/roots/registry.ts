import type { RootView } from '../api/api.ts';
import { categoryFolders, currentCategory, folderCategory, standardCategory } from '../comfyui/categories.ts';
import { CacheError } from '../core/errors.ts';
import { foldCase } from '../core/fold-case.ts';
import type { Remote } from '../core/remote.ts';
import type { Medium } from '../core/types.ts';
import { hasStableInodes } from '../media/file-systems.ts';
import { isNetwork, type MediumFacts } from '../media/medium.ts';
import { cleanName, liesBelow, type PathRules, pathRules } from '../media/paths.ts';
import type { Located, Root, RootIndex } from '../sources/root.ts';
import { Spellings } from './spellings.ts';

export interface RootSpec {
  path: string;
  origin: RootView['origin'];
  category?: string | null;
  /** Set by the user; overrides the detected one. */
  kind?: Medium | null;
  medium?: MediumFacts;
  /** The remote that its sources are read from. */
  remote?: Remote;
  optional?: boolean;
  /** Whether its file system ignores case; until it is asked, the platform's default. */
  ignoresCase?: boolean;
}

const mostAliases = 8;

/** The known roots. All answers are lexical: no file is touched. */
export class Roots implements RootIndex {
  readonly rules: PathRules;
  #roots = new Map<string, Root>();
  #aliases = new Map<string, string>();
  /** Roots whose kind the user has set, by key. */
  readonly #said = new Set<string>();
  /** Files and directories in roots that are links to another disk, by key. */
  readonly #parts = new Map<string, MediumFacts>();
  /** Spellings of the roots whose file systems ignore case. */
  readonly #spellings = new Map<Root, Spellings>();
  readonly #platform: NodeJS.Platform;

  constructor(platform: NodeJS.Platform = process.platform) {
    this.rules = pathRules(platform);
    this.#platform = platform;
  }

  /**
   * Adds a root, or updates the root of the same path (a trailing separator makes no difference).
   * @throws CacheError `BAD_REQUEST` when the path is not absolute.
   */
  add(spec: RootSpec): { root: Root; added: boolean } {
    const path = this.#normalise(spec.path);
    const key = this.rules.key(path);
    const known = this.#roots.get(key);
    const root = known ?? emptyRoot(path, spec);
    if (known && !spec.optional) known.optional = false;
    if (spec.medium) this.learn(root, spec.medium);
    const kind = spec.kind ?? (known ? null : this.#saidOf(root));
    if (kind) Object.assign(root, { kind, kindFrom: 'configured' });
    // A root without a category may be named after one: `/mnt/nas/loras`.
    const named = known || spec.remote ? null : standardCategory(path.slice(path.lastIndexOf(this.rules.sep) + 1));
    const category = spec.category ? currentCategory(spec.category) : named;
    if (category && !root.categories.includes(category)) root.categories.push(category);
    if (!known) {
      this.#noteWithin(this.find(path)?.root, path);
      this.#roots.set(key, root);
      this.#aliases.delete(key);
      this.learnCase(root, spec.ignoresCase ?? (this.#platform === 'win32' || this.#platform === 'darwin'));
    }
    if (spec.kind) this.#say(root);
    return { root, added: !known };
  }

  /** Applies the user's kind of a root to those below it on the same disk, in any order of naming. */
  #say(root: Root): void {
    this.#said.add(this.rules.key(root.path));
    const placeOf = ({ path, resolved }: Root) => resolved ?? path;
    for (const other of this.#roots.values()) {
      const isPart = liesBelow(placeOf(other), placeOf(root), this.rules) && other.device === root.device;
      if (isPart && !this.#said.has(this.rules.key(other.path))) {
        Object.assign(other, { kind: root.kind, kindFrom: root.kindFrom });
      }
    }
  }

  /** The kind that the user has set for the disk of a new root, as a part of another root. */
  #saidOf({ path, device }: Root): Medium | null {
    const above = this.find(path)?.root;
    return above?.kindFrom === 'configured' && above.device === device ? above.kind : null;
  }

  remove(root: Root): void {
    const { path } = root;
    this.#roots.delete(this.rules.key(path));
    this.#said.delete(this.rules.key(path));
    this.#spellings.delete(root);
    for (const [alias, to] of this.#aliases) if (to === path) this.#aliases.delete(alias);
  }

  /** Records the detected medium of a root; a kind set by the user stays. */
  learn(root: Root, { kind, from, device, fileSystem, resolved }: MediumFacts): void {
    if (root.remote !== null) return;
    const before = root.resolved === null ? null : this.rules.key(root.resolved);
    // The link leads elsewhere: the root is not found by its former real path.
    if (before !== null && root.resolved !== resolved && this.#aliases.get(before) === root.path) this.#aliases.delete(before);
    Object.assign(root, { device, fileSystem, resolved });
    if (root.kindFrom !== 'configured') Object.assign(root, { kind, kindFrom: from });
  }

  /** Records whether a root's file system ignores case; null changes nothing. */
  learnCase(root: Root, ignoresCase: boolean | null): void {
    if (ignoresCase === false) this.#spellings.delete(root);
    if (!ignoresCase || this.#spellings.has(root)) return;
    this.#spellings.set(root, new Spellings(this.rules.sep));
    for (const { path } of this.#roots.values()) if (liesBelow(path, root.path, this.rules)) this.#noteWithin(root, path);
  }

  /** Makes a root within another one found there by any spelling of its path. */
  #noteWithin(outer: Root | undefined, path: string): void {
    if (outer && outer.path !== path) this.noteSpelling(outer, path);
  }

  /** exFAT behind FUSE numbers each spelling of a name separately; NTFS behind FUSE heeds case, and has its own numbers. */
  hasStableInodes(root: Root): boolean {
    return hasStableInodes(root.fileSystem) && !(root.fileSystem === 'fuseblk' && this.#spellings.has(root));
  }

  /** The roots whose file systems ignore case. */
  ignoringCase(): Root[] {
    return [...this.#spellings.keys()];
  }

  /** The path that counts for a file below a root, if it differs from that on the disk; else null. */
  otherSpelling(root: Root, onDisk: string): string | null {
    const start = prefixOf(root.path, this.rules.sep);
    const other = this.#spellings.get(root)?.other(onDisk.slice(start.length)) ?? null;
    return other === null ? null : start + other;
  }

  /** Makes the path of a file on the disk the one that counts. */
  noteSpelling(root: Root, onDisk: string): void {
    this.#spellings.get(root)?.note(onDisk.slice(prefixOf(root.path, this.rules.sep).length));
  }

  /** Records the medium of a file or a directory in a root, which may be a link to another disk (law 12). */
  learnPart(path: string, medium: MediumFacts): void {
    const root = this.find(path)?.root;
    if (!root || this.get(path)) return;
    const key = this.rules.key(path);
    const target = this.find(medium.resolved)?.root;
    // The user's kind of the folder that it leads into.
    const said = target !== root && target?.kindFrom === 'configured' ? target.kind : null;
    if (said !== null) this.#parts.set(key, { ...medium, kind: said });
    else if (medium.device === root.device && medium.fileSystem === root.fileSystem) this.#parts.delete(key);
    else this.#parts.set(key, medium);
  }

  /**
   * Makes `alias` (a symbolic link) another name of the directory `path`, which is a root or is in one. A root registered under
   * the alias is merged into the root at `path`.
   */
  addAlias(alias: string, path: string): void {
    const from = this.#normalise(alias);
    const to = this.#normalise(path);
    const key = this.rules.key(from);
    if (key === this.rules.key(to)) return;
    const replaced = this.#roots.get(key);
    this.#roots.delete(key);
    this.#aliases.set(key, to);
    if (!replaced) return;
    const { root } = this.add({ path: to, origin: replaced.origin, optional: replaced.optional });
    root.categories = [...new Set([...root.categories, ...replaced.categories])];
    const isSaid = replaced.kindFrom === 'configured' && root.kindFrom !== 'configured';
    if (isSaid || root.kindFrom === 'assumed') Object.assign(root, { kind: replaced.kind, kindFrom: replaced.kindFrom });
    if (this.#said.delete(key)) this.#say(root);
  }

  /** In order of registration, which is also the order of name lookups. */
  list(): Root[] {
    return [...this.#roots.values()];
  }

  /** The root at exactly this path. */
  get(path: string): Root | null {
    const normal = this.rules.normalise(path);
    return (normal !== null && this.#roots.get(this.rules.key(normal))) || null;
  }

  /** The root at this path, by any of its names. */
  at(path: string): Root | null {
    const inside = this.find(this.rules.join(path, 'file'));
    return inside?.rel === 'file' ? inside.root : null;
  }

  /** The longest root that contains the absolute path, or null. */
  find(path: string): Located | null {
    let file = this.rules.normalise(path);
    for (let hop = 0; file !== null && hop <= mostAliases; hop++) {
      const owner = this.#nearest(file);
      if (!owner) return null;
      const below = file.slice(owner.directory.length);
      const rel = below.startsWith(this.rules.sep) ? below.slice(1) : below;
      if (owner.root) return this.#locate(owner.root, file, rel);
      file = this.rules.join(owner.alias, rel);
    }
    return null;
  }

  #locate(root: Root, file: string, asked: string): Located | null {
    const spellings = this.#spellings.get(root);
    const { sep } = this.rules;
    // On a Mac's volume that does not ignore case, only the directory of that very spelling is the root.
    if (!spellings && sep === '/' && !file.startsWith(root.path)) return null;
    const rel = spellings ? spellings.of(asked) : asked;
    const path = spellings ? prefixOf(root.path, sep) + rel : file;
    const inner = path === file ? null : this.#nearest(path);
    if (inner && inner.directory.length > root.path.length) return this.find(path);
    return { root, path, rel, category: this.#category(root, rel), ...this.#diskOf(path, root) };
  }

  /** The paths at which ComfyUI would look for a model, in root order. No name can leave the roots. */
  resolveName(category: string, name: string): Located[] {
    const clean = cleanName(name, this.rules);
    if (clean === null) return [];
    const wanted = currentCategory(category);
    const found = new Map<string, Located>();
    for (const root of this.#roots.values()) {
      const byFolder = root.categories.length === 0;
      if (!byFolder && !root.categories.includes(wanted)) continue;
      for (const folder of byFolder ? categoryFolders(wanted) : ['']) {
        const located = this.find(this.rules.join(root.path, folder, clean));
        if (located) found.set(this.rules.key(located.path), located);
      }
    }
    return [...found.values()];
  }

  /** The name by which a file of a category is requested, always with `/`; the inverse of `resolveName`. Null below no root. */
  nameOf(path: string): { category: string; name: string } | null {
    const located = this.find(path);
    if (!located?.category) return null;
    const { root, rel, category } = located;
    const name = root.categories.length > 0 ? rel : rel.slice(rel.indexOf(this.rules.sep) + 1);
    return { category, name: name.replaceAll(this.rules.sep, '/') };
  }

  #nearest(
    file: string,
  ): { directory: string; root: Root; alias: null } | { directory: string; root: null; alias: string } | null {
    const { rules } = this;
    for (
      let path = file, directory = rules.dirname(path);
      directory !== path;
      path = directory, directory = rules.dirname(path)
    ) {
      const key = rules.key(directory);
      const root = this.#roots.get(key);
      if (root) return { directory, root, alias: null };
      const alias = this.#aliases.get(key);
      if (alias !== undefined) return { directory, root: null, alias };
    }
    return null;
  }

  #diskOf(file: string, root: Root): Pick<Located, 'medium' | 'device'> {
    const own = { medium: root.kind, device: root.device };
    if (this.#parts.size === 0) return own;
    for (let path = file; path.length > root.path.length; path = this.rules.dirname(path)) {
      const part = this.#parts.get(this.rules.key(path));
      // A link on a network is read over the network, wherever it leads.
      if (part) return isNetwork(root.kind) && part.kind === 'hdd' ? own : { medium: part.kind, device: part.device };
    }
    return own;
  }

  #category(root: Root, rel: string): string | null {
    const { categories } = root;
    if (categories.length === 1) return categories[0] ?? null;
    const end = rel.indexOf(this.rules.sep);
    const name = rel.slice(0, end);
    const standard = this.#spellings.has(root) ? standardCategory(foldCase(name)) : null;
    const folder = end === -1 ? null : (standard ?? folderCategory(name));
    if (categories.length === 0) return folder;
    // A folder of several categories: its own name decides if it is one of them.
    return folder !== null && categories.includes(folder) ? folder : (categories[0] ?? null);
  }

  #normalise(path: string): string {
    const normal = this.rules.normalise(path);
    if (normal !== null) return normal;
    throw new CacheError('BAD_REQUEST', `"${path}" cannot be a root: the path is not absolute`, {
      hint: 'give the full path of the directory',
    });
  }
}

function prefixOf(directory: string, sep: string): string {
  return directory.endsWith(sep) ? directory : directory + sep;
}

function emptyRoot(path: string, { origin, optional, remote }: RootSpec): Root {
  const medium = { kind: 'hdd', kindFrom: 'assumed', device: null, fileSystem: null, resolved: null } as const;
  return { path, remote: remote ?? null, ...medium, categories: [], origin, optional: optional ?? false };
}
