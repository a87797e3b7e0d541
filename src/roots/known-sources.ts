import type { Catalog } from '../catalog/catalog.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import type { SourceState } from '../core/types.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import type { Root } from '../sources/root.ts';
import type { KnownFile } from './scan.ts';

/** Number of sources read at once. */
const pageSize = 500;

export interface KnownSourcesDeps {
  catalog: Catalog;
  events: Events;
  log: Log;
}

/** The sources that the catalog knows, for scans of their roots. */
export class KnownSources {
  readonly #deps: KnownSourcesDeps;

  constructor(deps: KnownSourcesDeps) {
    this.#deps = deps;
  }

  /** The sources of a root below one of its directories, page by page. */
  *below(root: Root, directory: string): Iterable<KnownFile[]> {
    const { entries } = this.#deps.catalog;
    for (let last = ''; ; ) {
      const page = entries.pageBelow(root.path, { directory, after: last, most: pageSize });
      if (page.length === 0) return;
      last = page.at(-1)?.path ?? last;
      yield page;
    }
  }

  find(path: string): KnownFile | undefined {
    return this.#deps.catalog.entries.known(path);
  }

  /** A replaced source puts its copy out of service before the next lookup. A missing one changes nothing. */
  changed(path: string, state: SourceState): void {
    const { catalog, log } = this.#deps;
    const onError = (err: unknown) => log.error({ err, path }, 'a change of a source could not be noted');
    catalog.write(() => this.#changed(path, state)).catch(onError);
  }

  #changed(path: string, state: SourceState): void {
    const { catalog, events, log } = this.#deps;
    const entry = catalog.entries.byPath(path);
    if (!entry || state.state !== 'present') return;
    catalog.entries.put({ ...entry, fingerprint: state.fingerprint });
    for (const copy of catalog.copies.readyOf(entry.id)) {
      if (isSameFingerprint(copy.source, state.fingerprint)) continue;
      catalog.copies.retire(copy.id);
      const { size, mtimeNs } = state.fingerprint;
      const touched = copy.source.size === size && copy.source.mtimeNs === mtimeNs;
      events.emit('copy-stale', { entry: entry.id, path, touched });
      log.info({ path }, 'source changed; its copy is out of service');
    }
  }
}
