import type { StuckRequest, StuckView } from '../api/open-sources.ts';
import type { Lookup } from '../lookup/lookup.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';

/** Silence after which a program counts as ended, and its files as closed, ms. */
const forgottenMs = 60_000;
/** Maximum number of files per program, and of programs. */
const most = 1000;

export interface StuckDeps {
  lookup: Pick<Lookup, 'examine'>;
  events: Events;
  clock: Clock;
  log: Log;
}

interface Report {
  heardAt: number;
  stuck: StuckView[];
}

/**
 * Sources that a program still reads from although their copies are ready. ComfyUI keeps a model's file open while the model is
 * loaded, and requests a path again only when its loader runs again. The program reports its open files.
 */
export class OpenSources {
  readonly #deps: StuckDeps;
  #reports = new Map<string, Report>();

  constructor(deps: StuckDeps) {
    this.#deps = deps;
  }

  /** Replaces the list of sources that a client has open. Returns the stuck ones. */
  async report({ client, sources }: StuckRequest): Promise<StuckView[]> {
    const { clock } = this.#deps;
    const { app, pid = 0 } = client;
    const key = `${app}:${pid}`;
    const ready = await Promise.all(sources.slice(0, most).map((source) => this.#isReady(source)));
    const stuck = sources.flatMap(({ path, size }, index) => (ready[index] ? [{ path, size, app, pid }] : []));
    this.#drop();
    const before = this.#reports.get(key)?.stuck ?? [];
    for (const view of stuck) if (!before.some(({ path }) => path === view.path)) this.#tell(view);
    if (sources.length === 0) this.#reports.delete(key);
    else if (this.#reports.has(key) || this.#reports.size < most) this.#reports.set(key, { heardAt: clock.monotonic(), stuck });
    return stuck;
  }

  list(): StuckView[] {
    this.#drop();
    return [...this.#reports.values()].flatMap(({ stuck }) => stuck);
  }

  /** True when a load of this open source would be served from a copy. Does not touch the source. */
  async #isReady({ path, size, mtimeNs }: StuckRequest['sources'][number]): Promise<boolean> {
    const request = { path, size, mtimeNs, purpose: 'load' as const, waitMs: 0, client: null };
    const found = await this.#deps.lookup.examine(request).catch(() => null);
    return found?.decision.serve === 'copy';
  }

  #tell(view: StuckView): void {
    this.#deps.events.emit('source-stuck', view);
    this.#deps.log.info(view, 'a program still reads a model from its source, although the copy is ready');
  }

  #drop(): void {
    const now = this.#deps.clock.monotonic();
    for (const [key, { heardAt }] of this.#reports) if (now - heardAt > forgottenMs) this.#reports.delete(key);
  }
}
