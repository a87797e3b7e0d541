import { lstat, mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { foldCase } from '../core/fold-case.ts';
import { errnoOf } from '../runtime/errnos.ts';
import type { Log } from '../runtime/log.ts';
import { assertSparse, makePlaceholder, type RemoteObject, removePlaceholder, standsFor } from './placeholder.ts';

/** Objects of one whole listing, by the paths of their placeholders below the directory. */
export type Listed = ReadonlyMap<string, RemoteObject>;

interface Options {
  /** The directory of one remote. */
  directory: string;
  /** Its address, for display. */
  address: string;
  log: Log;
}

const tempName = '.making';

/** One remote's placeholders, kept in line with its listings. */
export class Placeholders {
  readonly #options: Options;
  /** Placeholders that the last whole listing did not have. */
  #absent = new Set<string>();
  #told = new Set<string>();

  constructor(options: Options) {
    this.#options = options;
  }

  /** @throws CacheError BAD_CONFIG on a volume without sparse files */
  async open(): Promise<void> {
    const { directory } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o755 });
    await assertSparse(directory, join(directory, tempName));
  }

  /**
   * Makes and renews the placeholders of a whole listing. An unlisted one is removed at the second listing without it; an empty
   * listing changes nothing. @returns the number of changed placeholders
   */
  async renew(listed: Listed): Promise<number> {
    if (listed.size === 0) return 0;
    let changed = 0;
    for (const [rel, object] of this.#withoutTwins(listed)) changed += (await this.#put(rel, object)) ? 1 : 0;
    const absent = new Set<string>();
    for await (const path of filesBelow(this.#options.directory)) {
      const rel = relative(this.#options.directory, path);
      if (listed.has(rel)) continue;
      if (this.#absent.has(rel)) changed += (await removePlaceholder(path)) ? 1 : 0;
      else absent.add(rel);
    }
    this.#absent = absent;
    return changed;
  }

  /** Removes the placeholder of an object that is gone by its own key. */
  async remove(rel: string): Promise<void> {
    await removePlaceholder(join(this.#options.directory, rel));
  }

  async #put(rel: string, object: RemoteObject): Promise<boolean> {
    const { directory, address } = this.#options;
    const path = join(directory, rel);
    try {
      if (await standsFor(path, object)) return false;
      if (!(await this.#hasFolder(dirname(path)))) return false;
      // A foreign file, such as a model that was downloaded here, stays.
      const isFree = await lstat(path)
        .then(() => false)
        .catch((error) => errnoOf(error) === 'ENOENT');
      if (!isFree && !(await removePlaceholder(path))) return false;
      await makePlaceholder(path, object, { address, temp: join(directory, tempName) });
      return true;
    } catch (error) {
      this.#tell(rel, `its placeholder cannot be made: ${errnoOf(error)}`);
      return false;
    }
  }

  /** Makes the folders of a path one by one: a link among them would lead out of the directory. */
  async #hasFolder(folder: string): Promise<boolean> {
    const { directory } = this.#options;
    let at = directory;
    for (const name of relative(directory, folder).split(sep).filter(Boolean)) {
      at = join(at, name);
      await mkdir(at, { mode: 0o755 }).catch((error) => {
        if (errnoOf(error) !== 'EEXIST') throw error;
      });
      if ((await lstat(at)).isDirectory()) continue;
      this.#tell(relative(directory, at), 'it is no folder, so nothing is put below it');
      return false;
    }
    return true;
  }

  /** The listing without names that differ from an earlier one by case only: on many volumes they would be one file. */
  *#withoutTwins(listed: Listed): Generator<[string, RemoteObject]> {
    const taken = new Set<string>();
    for (const [rel, object] of listed) {
      const folded = foldCase(rel);
      if (taken.has(folded)) this.#tell(rel, 'another name differs from it by case only');
      else yield [rel, object];
      taken.add(folded);
    }
  }

  #tell(rel: string, why: string): void {
    if (this.#told.has(rel)) return;
    this.#told.add(rel);
    this.#options.log.warn({ remote: this.#options.address, name: rel, why }, 'a model of a remote is not shown');
  }
}

/** Removes the placeholders of all remotes but these. Other files, and folders that hold some, stay. @param kept directories */
export async function removeOthers(places: string, kept: readonly string[]): Promise<void> {
  const found = await readdir(places, { withFileTypes: true }).catch(() => []);
  for (const { name } of found.filter((entry) => entry.isDirectory() && !kept.includes(join(places, entry.name)))) {
    const directory = join(places, name);
    await rm(join(directory, tempName), { force: true });
    for await (const path of filesBelow(directory)) await removePlaceholder(path);
    await removeEmpty(directory);
  }
}

/** Removes a folder, and those in it, as far as they are empty. */
async function removeEmpty(directory: string): Promise<void> {
  const found = await readdir(directory, { withFileTypes: true });
  for (const entry of found) if (entry.isDirectory()) await removeEmpty(join(directory, entry.name));
  await rmdir(directory).catch(() => {});
}

/** The plain files in a directory and below it; no link is followed. */
async function* filesBelow(directory: string): AsyncGenerator<string> {
  for (const entry of await readdir(directory, { withFileTypes: true }).catch(() => [])) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield path;
  }
}
