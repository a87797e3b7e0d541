import type { Catalog } from '../catalog/catalog.ts';
import type { Log } from '../runtime/log.ts';
import type { SourceClient } from '../sources/client.ts';
import type { RootIdentity } from '../sources/driver.ts';
import type { Root } from '../sources/root.ts';

const keyOf = (path: string) => `directory of the root ${path}`;

/** The directories in which roots had files, over restarts: the same directory without any was emptied, and is no outage. */
export class FilledDirectories {
  readonly #catalog: Catalog;
  readonly #log: Log;

  constructor({ catalog, log }: { catalog: Catalog; log: Log }) {
    this.#catalog = catalog;
    this.#log = log;
  }

  /** Passes the known directory of a root on, if any. */
  tell(root: Root, host: Pick<SourceClient, 'remember'>): void {
    const saved = this.#catalog.settings.get(keyOf(root.path), '');
    if (saved !== undefined) host.remember(root, JSON.parse(saved) as RootIdentity);
  }

  /** Notes a root that has files, unless its directory has no lasting inode. */
  note(root: Root, identity: RootIdentity): void {
    const { settings } = this.#catalog;
    const value = JSON.stringify(identity);
    if (identity.ino === undefined || settings.get(keyOf(root.path), '') === value) return;
    const onError = (err: unknown) =>
      this.#log.warn({ err, path: root.path }, 'if this folder is emptied, it will look like an outage after a restart');
    this.#catalog.write(() => settings.set(keyOf(root.path), value, '')).catch(onError);
  }

  forget(path: string): void {
    this.#catalog.settings.forget(keyOf(path));
  }
}
