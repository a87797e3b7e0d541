import { setImmediate as nextTurn } from 'node:timers/promises';
import { CacheError } from '../core/errors.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import type { SourceState } from '../core/types.ts';
import { liesBelow } from '../media/paths.ts';
import type { ListedFile, SourceClient } from '../sources/client.ts';
import type { Listing } from '../sources/driver.ts';
import type { Root } from '../sources/root.ts';
import { IdSet } from './id-set.ts';
import type { Library } from './library.ts';
import { listable } from './listable.ts';
import { adoptForeign } from './register.ts';
import type { Roots } from './registry.ts';

/** A source in the catalog. */
export interface KnownFile extends ListedFile {
  id: number;
}

export interface ScanOptions {
  roots: Roots;
  host: SourceClient;
  /**
   * The caller's known sources below a directory (the root or one inside it), in pages of some hundreds; between two pages the
   * event loop turns.
   */
  known(root: Root, directory: string): Iterable<readonly KnownFile[]>;
  /** One of them; undefined when unknown. */
  find(path: string): KnownFile | undefined;
  /** A known source is found changed, or missing while its root answers. Never called for an outage. */
  onChange(path: string, state: SourceState): void;
  /** A file has another spelling on the disk than the one that counts, which counts until the receiver changes that. */
  onRespelled?(root: Root, counts: string, onDisk: string): void;
  /** Receives the found files. */
  library?: Library;
  /** Model files have appeared in a root that is a directory and was walked before. */
  onArrived?(paths: readonly string[]): void;
  /** Receives the files of a whole listing of a remote. */
  onListed?(root: Root, files: readonly ListedFile[]): Promise<void>;
  signal: AbortSignal;
}

const lookMs = 10_000;
const mostAway = 3;

/** A part of a root to walk: a directory, with or without its subdirectories, and the known files in it. */
interface Part {
  directory: string;
  recursive: boolean;
  isMeant(path: string): boolean;
}

/**
 * Walks a whole root and reports the differences from the caller's knowledge.
 * @throws CacheError `SOURCE_AWAY`, `SOURCE_IO`, `CANCELLED`
 */
export function scanRoot(root: Root, options: ScanOptions): Promise<Listing> {
  return compare(root, { directory: root.path, recursive: true, isMeant: () => true }, options);
}

/** The same for the files directly in one directory; for all below it when it is no longer a directory. */
export async function scanDirectory(root: Root, directory: string, options: ScanOptions): Promise<void> {
  const { dirname } = options.roots.rules;
  try {
    await compare(root, { directory, recursive: false, isMeant: (path) => dirname(path) === directory }, options);
  } catch (error) {
    if (!(error instanceof CacheError) || error.code !== 'SOURCE_IO') throw error;
    await checkEach(root, { directory, isUnclear: () => true }, options);
  }
}

async function compare(root: Root, { directory, recursive, isMeant }: Part, options: ScanOptions): Promise<Listing> {
  const { host, roots, find, library, onChange, onRespelled, signal } = options;
  const met = new IdSet();
  const found = library?.walk(root.path, { directory, recursive });
  const listed: ListedFile[] = [];
  const onFiles = (walked: ListedFile[]) => {
    const files = root.remote === null ? walked : listable(root, walked);
    if (root.remote !== null) for (const file of files) listed.push(file);
    found?.add(files);
    for (const { path, fingerprint } of files) {
      const other = roots.otherSpelling(root, path);
      if (other === null) roots.noteSpelling(root, path);
      else onRespelled?.(root, other, path);
      const located = roots.find(path);
      const known = located?.root === root ? find(located.path) : undefined;
      if (!known) continue;
      met.add(known.id);
      if (!isSameFingerprint(known.fingerprint, fingerprint)) onChange(known.path, { state: 'present', fingerprint });
    }
  };
  const result = await host.walk(root, { directory, recursive, onFiles, signal });
  for (const at of result.foreign) {
    // A volume behind a link or a mount point becomes a separate root.
    const file = await adoptForeign(at, root, options);
    if (file) onFiles([file]);
  }
  // An empty listing of a bucket does not remove its known files.
  const isWhole = root.remote === null || (result.failures.length === 0 && listed.length > 0);
  const arrived = isWhole ? (found?.end() ?? []) : [];
  if (root.remote === null && arrived.length > 0) options.onArrived?.(arrived);
  if (isWhole && root.remote !== null) await options.onListed?.(root, listed);
  const { key } = roots.rules;
  const unread = [...result.failures.map(({ path }) => path), ...result.foreign];
  const isExcused = (path: string) => unread.some((top) => key(path) === key(top) || liesBelow(path, top, roots.rules));
  await checkEach(root, { directory, isUnclear: ({ id, path }) => isMeant(path) && !met.has(id) && !isExcused(path) }, options);
  return result;
}

/** Checks each file missed by the walk: it may be new, or behind a second link to its directory. */
async function checkEach(
  root: Root,
  { directory, isUnclear }: { directory: string; isUnclear(file: KnownFile): boolean },
  { host, roots, known, onChange, signal }: ScanOptions,
): Promise<void> {
  let away = 0;
  for (const page of known(root, directory)) {
    for (const file of page) {
      if (!isUnclear(file) || roots.find(file.path)?.root !== root) continue;
      if (signal.aborted || away >= mostAway) return;
      const state = await host.stat(file.path, { deadlineMs: lookMs, signal });
      if ('why' in state) away++;
      else if (state.state === 'missing' || !isSameFingerprint(state.fingerprint, file.fingerprint)) onChange(file.path, state);
    }
    await nextTurn();
  }
}
