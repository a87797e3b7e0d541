import type { WarmAnswer, WarmItem, WarmRequest } from '../api/api.ts';
import { CacheError, sentenceOf } from '../core/errors.ts';
import type { Priority } from '../core/types.ts';
import { reasonTerm } from '../core/vocabulary.ts';
import type { CopyInProgress, Examination, LookupOptions, Planner } from '../lookup/collaborators.ts';
import type { Lookup } from '../lookup/lookup.ts';
import { bounded } from '../runtime/deadline.ts';
import { mapInTurns, Pauses } from '../runtime/pauses.ts';

export interface WarmerDeps {
  lookup: Pick<Lookup, 'examine'>;
  planner: Pick<Planner, 'request' | 'promote'>;
  options: Pick<LookupOptions, 'waitMaxMs'>;
}

/** A wanted file: its name in the request, and the question to the lookup. */
export interface Wanted {
  item: string;
  ask: { path: string } | { category: string; name: string };
}

interface WarmOptions extends Pick<WarmRequest, 'wait' | 'check'> {
  priority: Priority;
  waitMaxMs: number;
  /** Left out = all are copied. */
  fits?: (found: Examination) => boolean;
  /** Called for each file with a copy, at once or when it is made. */
  onReady?: (path: string) => void;
}

/** Has copies made of files needed soon, without counting as use. */
export class Warmer {
  readonly #deps: WarmerDeps;

  constructor(deps: WarmerDeps) {
    this.#deps = deps;
  }

  /**
   * Warms the paths and names of a request. With `check` it only reports; a file counts as ready when its copy's seal and its
   * source's fingerprint hold, byte for byte the same size.
   * @param models files that a workflow loads, in addition to those of the request
   * @throws CacheError BAD_REQUEST for an invalid name
   */
  async warm(
    request: WarmRequest,
    models: readonly Wanted[] = [],
    waitMaxMs = this.#deps.options.waitMaxMs,
  ): Promise<WarmAnswer> {
    const wanted = [
      ...(request.paths ?? []).map((path) => ({ item: path, ask: { path } })),
      ...(request.names ?? []).map((item) => ({ item, ask: splitName(item) })),
      ...models,
    ];
    const items = await this.#warmEach(wanted, { ...request, priority: 'warm', waitMaxMs });
    return answerOf(items);
  }

  /** Reports the models of a workflow, in load order; with `copy`, queues copies in that order. */
  models(names: readonly { category: string; name: string }[], { copy }: { copy: boolean }): Promise<WarmItem[]> {
    return this.#warmEach(names.map(wantedModel), { check: !copy, priority: 'prefetch', waitMaxMs: 0 });
  }

  /**
   * Queues copies of files that may be wanted soon, the first ones that fit into `room`. Only copies of less worth leave for them, and no
   * remote is read.
   * @param room bytes  @param intoMemory they also go into the RAM tier, where nothing leaves
   */
  idle(wanted: readonly Wanted[], { room, intoMemory = false }: { room: number; intoMemory?: boolean }): Promise<WarmItem[]> {
    let left = room;
    const fits = ({ located, decision }: Examination) => {
      left -= decision.request?.size ?? 0;
      return located.isRemote !== true && left >= 0;
    };
    const { planner } = this.#deps;
    const onReady = intoMemory ? (path: string) => void planner.promote?.(path, 'idle') : undefined;
    return this.#warmEach(wanted, { priority: 'idle', waitMaxMs: 0, fits, ...(onReady && { onReady }) });
  }

  /** Has a source copied again. @returns false when neither source nor copy can be read */
  async recopy({ path }: { path: string }): Promise<boolean> {
    const { items } = await this.warm({ paths: [path] });
    return items.some(({ job }) => job !== null);
  }

  /** Queues copies in the given order, independent of the order of the sources' answers. */
  async #warmEach(wanted: readonly Wanted[], options: WarmOptions): Promise<WarmItem[]> {
    const { wait = false, check = false, priority, waitMaxMs, fits, onReady } = options;
    const examined = await mapInTurns(wanted, (one) => this.#examine(one));
    const jobs: (CopyInProgress | null)[] = [];
    const pauses = new Pauses();
    for (const { found } of examined) {
      jobs.push(found && (check || fits?.(found) === false ? found.job : this.#request(found, priority)));
      await pauses.take();
    }
    for (const [index, { found }] of examined.entries()) {
      const job = jobs[index];
      if (!onReady || !found) continue;
      const { path } = found.located;
      if (found.decision.serve === 'copy') onReady(path);
      else void job?.ended.then(() => job.state === 'done' && onReady(path));
    }
    if (wait && !check) await bounded(Promise.all(jobs.map((job) => job?.ended)), waitMaxMs);
    return Promise.all(
      wanted.map((one, index) => {
        const job = jobs[index] ?? null;
        const { found, item } = examined[index] ?? bare(one.item, 'ERROR', 'it was not looked at');
        if (wait && !check && job) return this.#after(one, job);
        return found ? describe(one.item, found, job) : item;
      }),
    );
  }

  async #examine({ item, ask }: Wanted): Promise<Examined> {
    try {
      const found = await this.#deps.lookup.examine({ ...ask, purpose: 'load', waitMs: 0, client: null });
      return { ...bare(item, 'BYPASS_UNKNOWN_ROOT', 'it is not inside a configured model folder'), found };
    } catch (error) {
      return bare(item, 'ERROR', sentenceOf(error));
    }
  }

  #request({ located, decision }: Examination, priority: Priority): CopyInProgress | null {
    if (!decision.request) return null;
    return this.#deps.planner.request({ ...located, fingerprint: decision.request }, priority);
  }

  async #after(wanted: Wanted, job: CopyInProgress): Promise<WarmItem> {
    const { found, item } = await this.#examine(wanted);
    if (!found) return item;
    const now = describe(wanted.item, found, job);
    return { ...now, message: now.ready ? null : (job.view().error?.message ?? 'it is not finished yet') };
  }
}

/** `category/name` or `category:name`. @throws CacheError BAD_REQUEST */
export function splitName(text: string): { category: string; name: string } {
  const [, category, name] = /^([^/\\:]+)[/\\:](.+)$/.exec(text) ?? [];
  if (category === undefined || name === undefined) {
    throw new CacheError('BAD_REQUEST', `"${text}" is not a name`, {
      hint: 'Write category/name, such as checkpoints/a.safetensors.',
    });
  }
  return { category, name };
}

/** A model named by a workflow; `''` for an unknown category. */
export function wantedModel(ask: { category: string; name: string }): Wanted {
  return { item: ask.category === '' ? ask.name : `${ask.category}/${ask.name}`, ask };
}

export function answerOf(items: WarmItem[]): WarmAnswer {
  const ready = items.filter((item) => item.ready).length;
  return { items, ready, missing: items.length - ready };
}

interface Examined {
  found: Examination | null;
  /** The report for a file that was not found. */
  item: WarmItem;
}

function describe(
  item: string,
  { located, entry, source, copy, decision, isCacheAway }: Examination,
  job: CopyInProgress | null,
): WarmItem {
  const ready = decision.serve === 'copy';
  const size = ready && copy ? copy.source.size : source.state === 'present' ? source.fingerprint.size : null;
  const message = 'why' in source && !ready ? source.why : null;
  const tier = ready && copy ? copy.tier : located.medium;
  const { path } = located;
  const pinned = entry?.pinned ?? false;
  const view = job?.view() ?? null;
  const { reason } = decision;
  const { word, says } = reasonTerm(reason, view?.state === 'queued' || view?.state === 'running', isCacheAway);
  return { item, path, tier, reason, word, why: says, ready, pinned, size, job: view, message };
}

function bare(item: string, reason: WarmItem['reason'], message: string): Examined {
  const { word, says } = reasonTerm(reason, false);
  return {
    found: null,
    item: {
      item,
      path: null,
      tier: null,
      reason,
      word,
      why: says,
      ready: false,
      pinned: false,
      size: null,
      job: null,
      message,
    },
  };
}
