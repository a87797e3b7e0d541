import { folderCategory } from '../comfyui/categories.ts';
import { CacheError } from '../core/errors.ts';
import { foldCase } from '../core/fold-case.ts';
import { isPseudoFileSystem } from '../media/file-systems.ts';
import { detectMedium, isNetwork } from '../media/medium.ts';
import { liesBelow } from '../media/paths.ts';
import type { ListedFile, SourceClient } from '../sources/client.ts';
import type { Root } from '../sources/root.ts';
import { isModelName } from '../weights/extensions.ts';
import { assertApartOnDisk, assertDisjoint, realPathOf } from './disjoint.ts';
import type { RootSpec, Roots } from './registry.ts';

const lookMs = 2_000;
/** The platform whose path rules ignore case. */
const anyCase = process.platform === 'linux' ? 'darwin' : process.platform;

export interface RegisterOptions {
  roots: Roots;
  host: SourceClient;
  /** The directories with copies, and the state directory: nothing in them is a source. */
  cacheDirs: readonly string[];
  /** The directory with copies, of this daemon or another one, that a local path equals or is in; null = none. */
  cacheAround?: ((path: string) => string | null) | undefined;
}

/**
 * Adds a root and detects its medium, without touching it, and its real path, within 2 s. A root that is away is added too: its
 * copies are needed now. A directory that is already in a root by another path becomes an alias, so that no file is cached twice.
 * @throws CacheError `BAD_CONFIG` when root and cache directory overlap; `BAD_REQUEST` for a path that is not absolute
 */
export async function registerRoot(
  spec: RootSpec,
  { roots, host, cacheDirs, cacheAround }: RegisterOptions,
): Promise<{ root: Root; added: boolean }> {
  const medium = await detectMedium(spec.path);
  const caches = await Promise.all(cacheDirs.map(realPathOf));
  assertApart(caches, medium.resolved);
  const isLink = medium.resolved !== roots.rules.normalise(spec.path);
  const same = isLink ? roots.at(medium.resolved) : roots.get(medium.resolved);
  const path = same?.path ?? roots.find(medium.resolved)?.path ?? spec.path;
  const { root, added } = roots.add({ ...spec, medium, path });
  roots.addAlias(spec.path, path);
  for (const other of roots.list()) if (other !== root && other.resolved === root.path) roots.addAlias(other.path, root.path);
  addRealPath(root, medium.resolved, roots);
  const seen = await host.identify(root, { deadlineMs: lookMs });
  const undo = () => added && roots.remove(root);
  if (seen.state === 'ok') {
    const { real, ignoresCase } = seen.facts;
    assertApart(caches, real, undo, (cache, root) => assertDisjoint(cache, root, ignoresCase ? anyCase : process.platform));
  }
  if (seen.state === 'ok') roots.learnCase(root, seen.facts.ignoresCase);
  if (!isNetwork(medium.kind)) {
    assertApart(caches, medium.resolved, undo, assertApartOnDisk);
    assertNoCopies(cacheAround?.(medium.resolved) ?? null, spec.path, undo);
  }
  return seen.state === 'ok'
    ? spelledRoot({ root, added, spec: { ...spec, medium }, real: seen.facts.real, roots })
    : { root, added };
}

/** If its disk ignores case, a directory is one root, at its spelling on the disk, for all spellings of its name. */
function spelledRoot({ root, added, spec, real, roots }: Registered): { root: Root; added: boolean } {
  const { key } = roots.rules;
  if (key(real) === key(root.path) || foldCase(real) !== foldCase(root.path)) return { root, added };
  const isKnown = roots.get(real) !== null;
  roots.addAlias(root.path, real);
  const { root: spelled } = roots.add({ ...spec, path: real });
  roots.learnCase(spelled, true);
  return { root: spelled, added: added && !isKnown };
}

interface Registered {
  root: Root;
  added: boolean;
  spec: RootSpec;
  /** The path as listed by the directories on its disk. */
  real: string;
  roots: Roots;
}

/** Detects the medium of a root again. */
export async function relearnRoot(root: Root, roots: Roots): Promise<void> {
  const medium = await detectMedium(root.path);
  roots.learn(root, medium);
  addRealPath(root, medium.resolved, roots);
}

/** Makes a root that is a link, or is behind one, known by its real path too, with the roots in it. */
function addRealPath(root: Root, real: string, roots: Roots): void {
  if (roots.get(real)) return;
  for (const { path } of roots.list()) {
    if (liesBelow(path, real, roots.rules)) roots.addAlias(roots.rules.join(root.path, path.slice(real.length)), path);
  }
  roots.addAlias(real, root.path);
}

function assertApart(
  caches: readonly string[],
  rootReal: string,
  undo: () => unknown = () => {},
  check: (cache: string, root: string) => void = assertDisjoint,
): void {
  try {
    for (const cache of caches) check(cache, rootReal);
  } catch (error) {
    undo();
    throw error;
  }
}

/** Refuses a directory of copies as a root: another daemon may remove them at any time. */
function assertNoCopies(cache: string | null, path: string, undo: () => unknown): void {
  if (cache === null) return;
  undo();
  throw new CacheError('BAD_CONFIG', `the root ${path} lies in ${cache}, the cache directory of another autocached`, {
    hint: 'name the folders that its copies come from',
  });
}

/**
 * Makes a separate root of a path below `parent` on another volume (a link to a NAS, a mounted disk): the reader of that volume
 * reads it, and it can be away while `parent` is there. A link to a single file is no root; the file is returned instead.
 */
export async function adoptForeign(
  at: string,
  parent: Root,
  { roots, host }: Pick<RegisterOptions, 'roots' | 'host'>,
): Promise<ListedFile | null> {
  if (roots.get(at)) return null;
  const medium = await detectMedium(at);
  if (isPseudoFileSystem(medium.fileSystem)) return null;
  roots.learnPart(at, medium);
  const state = await host.stat(at, { deadlineMs: lookMs });
  if (state.state === 'present') return { path: at, fingerprint: state.fingerprint };
  // Away: the name decides whether it is a file. A superfluous root does no harm.
  if ('why' in state && isModelName(at)) return null;
  const [folder = ''] = at.slice(parent.path.length).split(roots.rules.sep).filter(Boolean);
  const categories = parent.categories.length > 0 ? parent.categories : [folderCategory(folder)];
  roots.add({ path: at, origin: parent.origin, medium, optional: true });
  for (const category of categories) roots.add({ path: at, origin: parent.origin, category, optional: true });
  return null;
}
