import type { JobView } from '../api/api.ts';
import type { Catalog } from '../catalog/catalog.ts';
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

/** Keeps one entry for each source on file systems that ignore case: that of the spelling which counts. */
export class OneSpelling implements Disposable {
  readonly #deps: OneSpellingDeps;
  readonly #unsubscribe: () => void;
  /** The roots whose entries have been joined. */
  readonly #joined = new WeakSet<Root>();
  /** The copies under way, by the path of their source. */
  readonly #copying = new Map<string, Set<number>>();
  /** The sources that get another spelling when their copies have ended, by the one they have. */
  readonly #later = new Map<string, { root: Root; onDisk: string }>();

  constructor(deps: OneSpellingDeps) {
    this.#deps = deps;
    this.#unsubscribe = deps.events.subscribe((name, event) => {
      if (name === 'job-queued') this.#begins(event as JobView);
      else if (name === 'job-done' || name === 'job-failed') this.#ends(event as JobView);
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
        if (!located || !among.has(located.root) || (located.path === path && located.root.path === root)) continue;
        if (this.#copying.has(path)) this.#later.set(path, { root: located.root, onDisk: located.path });
        else this.#respell(path, located);
      }
    });
  }

  /**
   * A source has another spelling on the disk than the one that counts. The new one counts, with the entry, once no copy is made under the
   * former one: otherwise a request meanwhile would start a second copy.
   */
  respelled(root: Root, counts: string, onDisk: string): void {
    const { roots } = this.#deps;
    this.#write(() => {
      if (this.#copying.has(counts)) {
        this.#later.set(counts, { root, onDisk });
        return;
      }
      roots.noteSpelling(root, onDisk);
      const located = roots.find(onDisk);
      if (located) this.#respell(counts, located);
    });
  }

  #begins({ id, path }: JobView): void {
    this.#copying.set(path, (this.#copying.get(path) ?? new Set()).add(id));
  }

  #ends({ id, path }: JobView): void {
    const copying = this.#copying.get(path);
    copying?.delete(id);
    if (copying && copying.size > 0) return;
    this.#copying.delete(path);
    const later = this.#later.get(path);
    this.#later.delete(path);
    if (later) this.respelled(later.root, path, later.onDisk);
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
  }

  #respell(before: string, { path, root, rel, category }: Located): void {
    const { catalog, log } = this.#deps;
    // Unwritten uses belong to the former spelling.
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
