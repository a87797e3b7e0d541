import { setImmediate as nextTurn } from 'node:timers/promises';
import { CacheError } from '../core/errors.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import type { SourceState } from '../core/types.ts';
import type { ListedFile, SourceClient } from '../sources/client.ts';
import type { Listing } from '../sources/driver.ts';
import type { Root } from '../sources/root.ts';
import { Comparison } from './compare.ts';
import type { Library } from './library.ts';
import { adoptForeign } from './register.ts';
import type { Roots } from './registry.ts';

export interface ScanOptions {
  roots: Roots;
  host: SourceClient;
  /**
   * The sources of a root that the caller knows below a directory (the root or one inside it), in pages of some hundreds;
   * between two pages the event loop turns.
   */
  known(root: Root, directory: string): Iterable<readonly ListedFile[]>;
  /** A known source is found changed, or missing while its root answers. Never called for an outage. */
  onChange(path: string, state: SourceState): void;
  /** What lies there: told after each walk. */
  library?: Library;
  signal: AbortSignal;
}

const lookMs = 10_000;
const mostAway = 3;

/**
 * Walks a whole root and reports what differs from what the caller knows.
 * @throws CacheError `SOURCE_AWAY`, `SOURCE_IO`, `CANCELLED`
 */
export async function scanRoot(root: Root, options: ScanOptions): Promise<Listing> {
  const comparison = await expectKnown(root, { directory: root.path, ...options });
  return compare(root, { comparison, directory: root.path, recursive: true }, options);
}

/** The same for the files that lie directly in one directory; for all below it when it is no directory any more. */
export async function scanDirectory(root: Root, directory: string, options: ScanOptions): Promise<void> {
  const { dirname } = options.roots.rules;
  const comparison = await expectKnown(root, { directory, ...options }, (path) => dirname(path) === directory);
  try {
    await compare(root, { comparison, directory, recursive: false }, options);
  } catch (error) {
    if (!(error instanceof CacheError) || error.code !== 'SOURCE_IO') throw error;
    const all = await expectKnown(root, { directory, ...options });
    await checkUnseen(all.unseen([]), options);
  }
}

async function expectKnown(
  root: Root,
  { directory, known, roots }: ScanOptions & { directory: string },
  isMeant: (path: string) => boolean = () => true,
): Promise<Comparison> {
  const comparison = new Comparison(roots.rules);
  for (const page of known(root, directory)) {
    for (const file of page) if (isMeant(file.path) && roots.find(file.path)?.root === root) comparison.expect(file);
    await nextTurn();
  }
  return comparison;
}

interface Part {
  comparison: Comparison;
  directory: string;
  recursive: boolean;
}

async function compare(root: Root, { comparison, directory, recursive }: Part, options: ScanOptions): Promise<Listing> {
  const { host, library, onChange, signal } = options;
  const met: ListedFile[] = [];
  const onFiles = (files: ListedFile[]) => {
    met.push(...files);
    for (const { path, fingerprint } of files)
      if (comparison.isChanged({ path, fingerprint })) onChange(path, { state: 'present', fingerprint });
  };
  const result = await host.walk(root, { directory, recursive, onFiles, signal });
  for (const at of result.foreign) {
    // A volume behind a link or a mount point is a root of its own from now on.
    const file = await adoptForeign(at, root, options);
    if (file) onFiles([file]);
  }
  library?.note(root.path, { directory, recursive }, met);
  const unread = [...result.failures.map(({ path }) => path), ...result.foreign];
  await checkUnseen(comparison.unseen(unread), options);
  return result;
}

/** A file that a walk did not meet may have appeared since, or lie behind a second link to its directory: each is asked for. */
async function checkUnseen(files: ListedFile[], { host, onChange, signal }: ScanOptions): Promise<void> {
  let away = 0;
  for (const { path, fingerprint } of files) {
    if (signal.aborted || away >= mostAway) return;
    const state = await host.stat(path, { deadlineMs: lookMs, signal });
    if (state.state === 'away') away++;
    else if (state.state === 'missing' || !isSameFingerprint(state.fingerprint, fingerprint)) onChange(path, state);
  }
}
