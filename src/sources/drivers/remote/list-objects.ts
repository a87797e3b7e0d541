import { join } from 'node:path';
import { compileGlob } from '../../../core/glob.ts';
import { pathRules } from '../../../media/paths.ts';
import { Neighbours } from '../../../weights/companion-names.ts';
import type { Listing, ListOptions } from '../../driver.ts';
import { changeMark } from './change-mark.ts';
import { foldersOf, isPlainKey, isSkippedKey, relOf } from './object-keys.ts';
import type { ObjectPage, ObjectStore, StoredObject } from './object-store.ts';
import { type Patience, persistent } from './persistence.ts';
import { RemoteFailure } from './remote-failure.ts';

/** Number of folders listed at once. */
const listedAtOnce = 4;

const { key: keyOfPath } = pathRules();

interface ListedStore {
  store: ObjectStore;
  root: string;
  /** A glob over paths below the root; null = all. */
  pattern: string | null;
  patience: Patience;
}

/**
 * Lists the objects in a folder and below: the folder itself first, then each of its folders with everything below, several at once.
 * An empty store counts as away, because it looks like a wrong prefix or a service that has just lost its disk.
 * @throws RemoteFailure for the folder itself; failures below it are in the answer
 */
export async function listObjects(from: ListedStore, folder: string, options: ListOptions): Promise<Listing> {
  const run = new ObjectListing(from, folder, options);
  const folders = await run.top();
  await run.below(folders);
  return run.result;
}

class ObjectListing {
  readonly result: Listing = { files: 0, bytes: 0, directories: [], failures: [], foreign: [] };
  readonly #from: ListedStore;
  readonly #folder: string;
  readonly #options: ListOptions;
  readonly #matches: (text: string) => boolean;
  readonly #directories = new Set<string>();

  constructor(from: ListedStore, folder: string, options: ListOptions) {
    this.#from = from;
    this.#folder = folder;
    this.#options = options;
    this.#matches = from.pattern === null ? () => true : compileGlob(from.pattern, { ignoreCase: false, backslash: false });
  }

  /** Lists the folder itself. @returns its folders to enter */
  async top(): Promise<string[]> {
    const { beside } = this.#options;
    const folders: string[] = [];
    const names: StoredObject[] = [];
    let isEmpty = true;
    this.#enter(this.#folder);
    for await (const page of this.#pages(this.#folder, false)) {
      isEmpty &&= page.objects.length + page.folders.length === 0;
      folders.push(...page.folders);
      if (beside === undefined) await this.#take(page.objects);
      else names.push(...page.objects);
    }
    if (isEmpty && this.#folder === '') throw new RemoteFailure('away', `${this.#from.store.address} is empty`, { hint });
    if (beside !== undefined) await this.#take(neighboursOf(names, beside));
    this.result.directories = [...this.#directories];
    if (beside !== undefined || this.#options.recursive === false) return [];
    return folders.filter((key) => isPlainKey(key) && !isSkippedKey(key) && !this.#isRootOfItsOwn(key));
  }

  async below(folders: string[]): Promise<void> {
    const open = folders.values();
    const one = async () => {
      for (const folder of open) await this.#all(folder);
    };
    await Promise.all(Array.from({ length: listedAtOnce }, one));
    this.result.directories = [...this.#directories];
  }

  async #all(folder: string): Promise<void> {
    try {
      this.#enter(folder);
      for await (const { objects } of this.#pages(folder, true)) await this.#take(objects);
    } catch (error) {
      if (!(error instanceof RemoteFailure) || error.kind === 'cancelled') throw error;
      this.result.failures.push({ path: this.#pathOf(folder), code: error.kind === 'denied' ? 'EACCES' : 'EIO' });
    }
  }

  async *#pages(folder: string, deep: boolean): AsyncGenerator<ObjectPage> {
    const { store, patience } = this.#from;
    const { signal, onProgress } = this.#options;
    for (let from: string | undefined; ; ) {
      signal?.throwIfAborted();
      const page = await persistent(patience, (given) => store.list(folder, { deep, from, signal: given }), { signal });
      onProgress?.();
      yield page;
      if (page.next === null) return;
      from = page.next;
    }
  }

  async #take(objects: StoredObject[]): Promise<void> {
    const wanted = objects.filter(({ key }) => this.#isWanted(key));
    if (wanted.length === 0) return;
    for (const { key, size } of wanted) {
      for (const above of foldersOf(key)) this.#enter(above);
      this.result.files += 1;
      this.result.bytes += size;
    }
    await this.#options.onBatch({
      rels: wanted.map(({ key }) => relOf(this.#folder, key)),
      sizes: wanted.map(({ size }) => size),
      mtimesNs: BigInt64Array.from(wanted, ({ mtimeNs }) => mtimeNs),
      ctimesNs: BigInt64Array.from(wanted, ({ version }) => changeMark(version)),
      inos: null,
    });
  }

  #isWanted(key: string): boolean {
    if (!isPlainKey(key) || isSkippedKey(relOf(this.#folder, key)) || !this.#matches(key)) return false;
    return !foldersOf(key).some((above) => above.length > this.#folder.length && this.#isRootOfItsOwn(above));
  }

  #isRootOfItsOwn(folder: string): boolean {
    const { skip } = this.#options;
    return skip !== undefined && skip.size > 0 && skip.has(keyOfPath(this.#pathOf(folder)));
  }

  #enter(folder: string): void {
    if (folder.length >= this.#folder.length) this.#directories.add(this.#pathOf(folder));
  }

  #pathOf(folder: string): string {
    return folder === '' ? this.#from.root : join(this.#from.root, folder);
  }
}

const hint = 'Check its bucket and prefix. What was listed before stays.';

function neighboursOf(objects: StoredObject[], model: string): StoredObject[] {
  const byName = new Map(objects.map((object) => [object.key.split('/').at(-1) ?? '', object]));
  return new Neighbours([...byName.keys()]).of(model).flatMap((name) => byName.get(name) ?? []);
}
