import type { JobView } from '../api/api.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { foldCase } from '../core/fold-case.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import type { Located, Root } from '../sources/root.ts';
import type { Roots } from './registry.ts';

interface OneSpellingDeps {
  roots: Roots;
  catalog: Catalog;
  events: Events;
  log: Log;
}

/** Keeps one entry for each source where file systems ignore case: that of the spelling which counts. */
export class OneSpelling implements Disposable {
  readonly #deps: OneSpellingDeps;
  readonly #unsubscribe: () => void;
  /** The roots whose entries have been joined. */
  readonly #joined = new WeakSet<Root>();

  constructor(deps: OneSpellingDeps) {
    this.#deps = deps;
    // The spelling on the disk may have been found while its copy was made.
    this.#unsubscribe = deps.events.subscribe((name, event) => {
      if (name === 'job-done') this.respelled((event as JobView).path);
    });
  }

  /**
   * Joins the entries below roots that turned out to ignore case. Of several spellings the first one counts, until a scan has found
   * the one on the disk.
   */
  join(): void {
    const { roots, catalog } = this.#deps;
    const among = new Set(roots.ignoringCase().filter((root) => !this.#joined.has(root)));
    if (among.size === 0) return;
    for (const root of among) this.#joined.add(root);
    this.#write(() => {
      for (const { path, root } of catalog.respelling.all()) {
        const located = roots.find(path);
        if (located && among.has(located.root) && (located.path !== path || located.root.path !== root)) {
          this.#respell(path, located);
        }
      }
    });
  }

  /** A source may lie on the disk under another spelling than the one that counted until now. */
  respelled(before: string): void {
    const located = this.#deps.roots.find(before);
    const isOther = located && located.path !== before && foldCase(located.path) === foldCase(before);
    if (isOther) this.#write(() => this.#respell(before, located));
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
  }

  #respell(before: string, { path, root, rel, category }: Located): void {
    const { catalog, log } = this.#deps;
    // Uses that are not written yet are those of the former spelling.
    catalog.usage.flush();
    const entry = catalog.entries.byPath(before);
    if (!entry) return;
    catalog.respelling.respell(entry, { path, root: root.path, rel, category });
    log.info({ path, before }, 'a source has another spelling');
  }

  #write(change: () => void): void {
    const { catalog, log } = this.#deps;
    const onError = (err: unknown) => log.error({ err }, 'the spelling of sources could not be changed');
    catalog.write(change).catch(onError);
  }
}
