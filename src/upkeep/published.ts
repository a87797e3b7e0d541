import type { PublishedView } from '../api/explain.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { messageOf } from '../core/errors.ts';
import type { Entry } from '../core/types.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import type { Tiers } from '../tiers/tiers.ts';

export interface PublishedDeps {
  catalog: Catalog;
  tiers: Tiers;
  events: Events;
  log: Log;
  sources: {
    /** The hash published beside the source. Rejects when the source does not answer. */
    published(path: string): Promise<{ sha256: string; from: string } | null>;
  };
}

/**
 * Compares sources with the SHA-256 published for them, using the copy, which has the same bytes and whose SHA-256 was computed while
 * it was made. A difference means that the source itself is not its author's file (a broken download, another version); its copy is
 * true and stays in service.
 */
export class PublishedCheck {
  readonly #deps: PublishedDeps;
  #ended = false;

  constructor(deps: PublishedDeps) {
    this.#deps = deps;
  }

  /** Compares each source when its copy is done. @returns a function that ends this */
  start(): () => void {
    const unsubscribe = this.#deps.events.subscribe((name, event) => {
      if (name !== 'job-done') return;
      const entry = this.#deps.catalog.entries.byPath((event as { path: string }).path);
      if (entry) void this.check(entry);
    });
    return () => {
      this.#ended = true;
      unsubscribe();
    };
  }

  /** Looks beside the source and compares; if the source does not answer, the last result counts. Never rejects. */
  async check(entry: Entry): Promise<PublishedView | null> {
    const { catalog, log } = this.#deps;
    try {
      const sha256 = await this.sha256Of(entry);
      const before = catalog.published.of(entry.id);
      const found = await this.#deps.sources.published(entry.path).catch((error: unknown) => {
        log.debug({ path: entry.path, why: messageOf(error) }, 'the published SHA-256 of a source could not be read');
        return before;
      });
      if (!found) {
        if (before) await catalog.write(() => catalog.published.forget(entry.id));
        return null;
      }
      const now = { sha256: found.sha256, from: found.from, same: sha256 === null ? null : sha256 === found.sha256 };
      await catalog.write(() => catalog.published.save(entry.id, now));
      if (sha256 !== null && now.same === false && before?.same !== false) this.#report(entry, sha256, now);
      return now;
    } catch (err) {
      // The catalog closes when the daemon ends.
      if (!this.#ended) log.error({ err, path: entry.path }, 'comparing a source with its published SHA-256 failed');
      return null;
    }
  }

  /** The SHA-256 of the present source, from the catalog or its copy's proof; null if not yet computed. */
  async sha256Of(entry: Entry): Promise<string | null> {
    const { catalog, tiers } = this.#deps;
    const known = catalog.contents.sha256Of(entry.id);
    if (known !== null) return known;
    const [copy] = catalog.copies.readyOf(entry.id);
    const tier = copy && tiers.get(copy.tier);
    if (!tier) return null;
    const sha256 = (await tier.manifestOf(copy.path))?.sha256 ?? null;
    if (sha256 !== null) await catalog.write(() => catalog.contents.identify(copy, sha256));
    return sha256;
  }

  #report(entry: Entry, sha256: string, published: { sha256: string; from: string }): void {
    const { events, log } = this.#deps;
    const { id, path } = entry;
    events.emit('published-mismatch', { entry: id, path, sha256, published: published.sha256, from: published.from });
    log.warn(
      { path, sha256, published: published.sha256, from: published.from },
      'the source is not the file that was published; download it again',
    );
  }
}
