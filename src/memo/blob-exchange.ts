import type { MemoStaged } from '../api/memo.ts';
import type { Presence } from './asker.ts';
import type { Blob } from './blobs.ts';
import { handedOutMs } from './in-use.ts';
import type { ManagedParts } from './managed-parts.ts';
import type { Staging } from './staging.ts';
import type { Store } from './store.ts';
import { type Incoming, keptBlob, soundBlob, storeBlob } from './store-blob.ts';

/** Lets programs store and fetch the bytes of results. */
export class BlobExchange {
  readonly #deps: Pick<ManagedParts, 'opened' | 'mode' | 'state' | 'maxValue'>;

  constructor(deps: Pick<ManagedParts, 'opened' | 'mode' | 'state' | 'maxValue'>) {
    this.#deps = deps;
  }

  /** @returns null while nothing is stored @throws CacheError BODY_TOO_LARGE, NO_SPACE, HASH_MISMATCH */
  async store(incoming: Omit<Incoming, 'most'>): Promise<Blob | null> {
    const store = this.#keeping();
    return store && storeBlob(store, { ...incoming, most: this.#deps.maxValue() });
  }

  /** A file that a program of this machine may fill in place of sending its bytes; see `Staging`. @returns null while nothing is stored */
  async stage(size: number, program: Presence): Promise<MemoStaged | null> {
    return this.#staging?.begin(size, { most: this.#deps.maxValue(), program }) ?? null;
  }

  /** Takes such a file as a blob; see `Staging`. @returns null while nothing is stored */
  async take(name: string, sha256: string | null): Promise<Blob | null> {
    return this.#staging?.take(name, sha256) ?? null;
  }

  /** Most bytes of such a file; null when there is none, or nothing is stored. */
  stagedSize(name: string): number | null {
    return this.#staging?.sizeOf(name) ?? null;
  }

  /** Removes such a file, if it exists: its program does not fill it. */
  async dropStaged(name: string): Promise<void> {
    await this.#deps.opened.staging?.drop(name);
  }

  /** A present blob and its file, which stays while it is read. */
  find(sha256: string): (Blob & { path: string }) | null {
    const store = this.#serving();
    if (!store) return null;
    const blob = soundBlob(store, sha256);
    if (!blob) {
      store.dropDamaged(sha256).catch((error) => this.#deps.opened.trouble(error));
      return null;
    }
    store.inUse.keep(sha256, handedOutMs);
    return { ...blob, path: store.files.pathOf(sha256) };
  }

  /** The missing ones of these blobs; the others stay until the result that needs them is stored. */
  missing(names: readonly string[]): string[] {
    const store = this.#serving();
    return names.filter((sha256) => !store || !keptBlob(store, sha256));
  }

  #keeping(): Store | null {
    const { opened, mode, state } = this.#deps;
    return mode() === 'on' && state() === 'here' ? opened.store : null;
  }

  get #staging(): Staging | null {
    return this.#keeping() && this.#deps.opened.staging;
  }

  #serving(): Store | null {
    return this.#deps.mode() === 'off' ? null : this.#deps.opened.store;
  }
}
