import { existsSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { sentenceOf } from '../core/errors.ts';
import type { Remote } from '../core/remote.ts';
import type { SourceState } from '../core/types.ts';
import { foldersFile, placeOf, placesIn, type RemoteFolder, shownAddress } from '../remotes/place.ts';
import { isClosed } from '../remotes/placeholder.ts';
import { Placeholders, removeOthers } from '../remotes/placeholders.ts';
import type { Clock } from '../runtime/clock.ts';
import { within } from '../runtime/deadline.ts';
import type { Log } from '../runtime/log.ts';
import { writePrivately } from '../runtime/private-file.ts';
import type { ListedFile } from '../sources/client.ts';
import type { Root } from '../sources/root.ts';
import { Neighbours } from '../weights/companion-names.ts';
import type { Roots } from './registry.ts';
import type { ScanTotals } from './root-keeper.ts';

export interface RemoteRootsOptions {
  remotes: readonly Remote[];
  stateDir: string;
  /** The directory of copies of a root's files. */
  copiesOf(root: string): string;
  roots: Roots;
  /** Lists a root; simultaneous calls share one listing. @throws CacheError */
  scan(root: Root): Promise<ScanTotals>;
  clock: Clock;
  log: Log;
}

/** Minimum time between a listing and the next one for a missing name: ms, and a multiple of the listing's duration. */
const again = { leastMs: 5_000, times: 20 };
/** Maximum time that a program which plans ahead waits for such a listing, ms. */
const listDeadlineMs = 10_000;

/** The remote roots: their placeholders are the last listing, kept over restarts. */
export class RemoteRoots {
  readonly #options: RemoteRootsOptions;
  readonly #placeholders = new Map<Root, Placeholders>();
  /** Earliest time at which a missing name may list a root again, monotonic ms. */
  readonly #listAgainAt = new Map<Root, number>();

  constructor(options: RemoteRootsOptions) {
    this.#options = options;
  }

  /** Adds the roots of the configuration, and removes the placeholders of remotes that are no longer in it. */
  async open(): Promise<void> {
    const { remotes, stateDir, copiesOf, roots, log } = this.#options;
    const places = remotes.map((remote) => placeOf(remote, stateDir));
    await removeOthers(placesIn(stateDir), places);
    const folders: RemoteFolder[] = [];
    for (const [index, remote] of remotes.entries()) {
      const directory = places[index] ?? '';
      const placeholders = new Placeholders({ directory, address: shownAddress(remote), log });
      try {
        await placeholders.open();
        const { root } = roots.add({ path: directory, origin: 'config', kind: 's3', category: remote.to, remote });
        this.#placeholders.set(root, placeholders);
        folders.push({ name: remote.name, path: directory, category: remote.to, copies: copiesOf(directory) });
      } catch (error) {
        log.error({ remote: remote.name, why: sentenceOf(error) }, 'a remote is left out');
      }
    }
    if (existsSync(placesIn(stateDir)))
      writePrivately(join(placesIn(stateDir), foldersFile), JSON.stringify({ folders }), 0o644);
  }

  /** Renews the placeholders from a whole listing of a root. */
  async listed(root: Root, files: readonly ListedFile[]): Promise<void> {
    const { clock, log } = this.#options;
    const listed = new Map(files.map(({ path, fingerprint }) => [relative(root.path, path), fingerprint]));
    const startedAt = clock.monotonic();
    const changed = await this.#placeholders.get(root)?.renew(listed);
    const took = clock.monotonic() - startedAt;
    this.#listAgainAt.set(root, clock.monotonic() + Math.max(again.leastMs, again.times * took));
    if (changed) log.info({ remote: root.remote?.name, files: files.length, changed }, 'the list of a remote has changed');
  }

  /** An object is gone by its own key. Never throws. */
  gone(path: string): void {
    const root = this.#rootOf(path);
    const { log } = this.#options;
    const removed = root && this.#placeholders.get(root)?.remove(relative(root.path, path));
    removed?.catch((err) => log.warn({ err, path }, 'the placeholder of a file that is gone stays'));
  }

  has(path: string): boolean {
    return this.#rootOf(path) !== null;
  }

  /** The state in the last listing, without a request; an unlisted file may be new. Null for a path that is not below a remote. */
  stat(path: string, askedBy: 'loader' | 'command'): Promise<SourceState> | null {
    const root = this.#rootOf(path);
    return root && this.#stat(root, path, askedBy);
  }

  #rootOf(path: string): Root | null {
    const root = this.#options.roots.find(path)?.root;
    return root?.remote ? root : null;
  }

  async #stat(root: Root, path: string, askedBy: 'loader' | 'command'): Promise<SourceState> {
    const known = await fingerprintOf(path);
    if (known) return known;
    if (this.#options.clock.monotonic() < (this.#listAgainAt.get(root) ?? 0)) return { state: 'missing' };
    const listing = this.#options.scan(root).then(
      () => null,
      (error) => sentenceOf(error),
    );
    if (askedBy === 'loader') return { state: 'slow', why: 'it is being listed' };
    const trouble = await within(listing, listDeadlineMs, null);
    if (trouble !== null) return { state: 'away', why: trouble };
    return (await fingerprintOf(path)) ?? { state: 'missing' };
  }

  /** The files that loaders of a model may open in its directory. */
  async filesBeside(path: string): Promise<ListedFile[]> {
    const directory = dirname(path);
    const names = new Neighbours(await readdir(directory).catch(() => [])).of(basename(path));
    const files = await Promise.all(
      names.map(async (name) => {
        const state = await fingerprintOf(join(directory, name));
        return state ? [{ path: join(directory, name), fingerprint: state.fingerprint }] : [];
      }),
    );
    return files.flat();
  }
}

async function fingerprintOf(path: string): Promise<Extract<SourceState, { state: 'present' }> | null> {
  const found = await lstat(path, { bigint: true }).catch(() => null);
  if (!found?.isFile() || !isClosed({ mode: Number(found.mode) })) return null;
  return { state: 'present', fingerprint: { size: Number(found.size), mtimeNs: String(found.mtimeNs), ino: null } };
}
