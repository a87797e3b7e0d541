import type { WarmItem } from '../api/api.ts';
import type { PrefetchAnswer, WorkflowAnswer } from '../api/workflow.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import { Serial } from '../runtime/serial.ts';
import { findModels, type ModelName, withItems } from './find-models.ts';
import { isObject } from './json.ts';
import type { Learned } from './learned.ts';
import { ToldPrompts } from './told-prompts.ts';
import type { Analysis, ModelUse } from './types.ts';

export interface WorkflowsDeps {
  warmer: {
    /** The state of these models, in their order; with `copy`, wanted copies are queued in that order. */
    models(names: readonly ModelName[], options: { copy: boolean }): Promise<WarmItem[]>;
  };
  sources: {
    /** All categories of the roots. */
    categories(): readonly string[];
    /** Names of the files of a category with this stem, with any extension and in any folder. */
    withStem(category: string, stem: string): Promise<readonly string[]>;
  };
  learned: Learned;
  /** Told which sources the prompts of the queue will load. */
  queued: { add(promptId: string, paths: readonly string[], now: number): void; begin(promptId: string, now: number): void };
  clock: Pick<Clock, 'now'>;
  log: Log;
  options: {
    /** Nodes of this class get the own path of a model: a copy would not be opened. */
    wantsOwnPath(nodeClass: string): boolean;
    /** Whether models of waiting prompts are copied ahead; left out = they are. */
    prefetches?(): boolean;
  };
}

/** Told of the models of a prompt that have a path. */
type PromptListener = (models: readonly { path: string; category: string | null }[]) => void;

/** Maximum wait for the shim's report of a prompt, which comes when ComfyUI has accepted it, ms. */
const shimMs = 5000;

/** Finds the models of workflows, and has them copied before ComfyUI asks for them. */
export class Workflows {
  readonly #deps: WorkflowsDeps;
  #objectInfo: unknown = null;
  /** Prefetches take turns, so that the copies of a later prompt are queued after those of an earlier one. */
  readonly #turns = new Serial();
  readonly #told = new ToldPrompts();
  readonly #listeners = new Set<PromptListener>();

  constructor(deps: WorkflowsDeps) {
    this.#deps = deps;
  }

  /** Calls the listener for every prompt of the queue. @returns a function that ends this */
  onPrompt(listener: PromptListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Sets ComfyUI's description of its nodes. */
  describeNodes(objectInfo: unknown): void {
    this.#objectInfo = objectInfo;
  }

  /** That description; null while unknown. */
  get objectInfo(): unknown {
    return this.#objectInfo;
  }

  /** @throws CacheError BAD_REQUEST when the document cannot be read */
  async analyze(document: unknown): Promise<WorkflowAnswer> {
    const analysis = await this.#find(document);
    return withItems(analysis, await this.#deps.warmer.models(namesOf(analysis), { copy: false }));
  }

  /**
   * Starts copies of the models of a prompt, in load order. The nodes that will not run, once reported, hold for later reports of the
   * prompt by any client.
   * @param promptId ComfyUI's; with it, the prompt's real lookups teach the categories of inputs
   * @throws CacheError BAD_REQUEST when the document cannot be read
   */
  prefetch(document: unknown, promptId: string | null): Promise<PrefetchAnswer> {
    const { learned, warmer, queued, clock, log } = this.#deps;
    if (promptId !== null) this.#told.hear(promptId, document);
    return this.#turns.run(async () => {
      if (promptId !== null) learned.expect(promptId, document);
      const found = await this.#find(promptId === null ? document : this.#told.of(promptId, document));
      const isOpened = ({ switchedOff, opensItself, classType }: ModelUse) =>
        !switchedOff && !opensItself && !this.#deps.options.wantsOwnPath(classType);
      const analysis = { ...found, models: found.models.filter(isOpened) };
      const needed = { ...analysis, models: analysis.models.filter(({ notNeeded }) => !notNeeded) };
      const spared = { ...analysis, models: analysis.models.filter(({ notNeeded }) => notNeeded) };
      if (promptId !== null) {
        // The policy judges the copies by the future loads of the queue.
        const known = await warmer.models(namesOf(needed), { copy: false });
        queued.add(
          promptId,
          known.flatMap(({ path }) => path ?? []),
          clock.now(),
        );
        if (isRunning(document)) queued.begin(promptId, clock.now());
      }
      const items = await warmer.models(namesOf(needed), { copy: this.#deps.options.prefetches?.() ?? true });
      const models = [
        ...withItems(needed, items).models,
        ...withItems(spared, await warmer.models(namesOf(spared), { copy: false })).models,
      ];
      const left = models.filter(({ notNeeded, ready }) => notNeeded && !ready);
      for (const { name, word, why } of left)
        log.info({ prompt: promptId, model: name, word, why }, 'a model is not prefetched');
      const files = models.flatMap(({ path, category }) => (path === null ? [] : [{ path, category }]));
      if (promptId !== null) for (const listener of this.#listeners) listener(files);
      return { jobs: items.flatMap(({ job }) => job ?? []), models };
    });
  }

  /** Whether a shim reports prompts, which knows the nodes that will run. */
  get hasShim(): boolean {
    return this.#told.hasShim;
  }

  /**
   * The same for a present or future prompt of ComfyUI's queue. A shim, if there is one, knows more and has precedence.
   * @throws CacheError BAD_REQUEST when the document cannot be read
   */
  async prefetchUnlessTold(document: unknown, promptId: string): Promise<void> {
    await this.#told.wait(promptId, shimMs);
    if (!this.#told.has(promptId)) await this.prefetch(document, promptId);
  }

  /** ComfyUI runs this prompt: its loads teach, including earlier ones. @throws CacheError BAD_REQUEST when it cannot be read */
  running(document: unknown, promptId: string): void {
    this.#deps.learned.expect(promptId, document);
  }

  /**
   * Names of the models of a document whose copies would be used, in load order.
   * @throws CacheError BAD_REQUEST when it cannot be read
   */
  async names(document: unknown): Promise<ModelName[]> {
    const { models, ...rest } = await this.#find(document);
    return namesOf({ ...rest, models: models.filter(({ opensItself, notNeeded }) => !opensItself && !notNeeded) });
  }

  #find(document: unknown): Promise<Analysis> {
    const { warmer, sources, learned } = this.#deps;
    return findModels(document, {
      check: async (names) => {
        const items = await warmer.models(names, { copy: false });
        learned.forget(names.filter((_, index) => items[index]?.reason === 'SOURCE_MISSING'));
        return items;
      },
      categories: () => sources.categories(),
      withStem: (category, stem) => sources.withStem(category, stem),
      objectInfo: this.#objectInfo,
      learned: learned.category,
      expected: learned.expected,
    });
  }
}

/** `running` beside the prompt: ComfyUI has begun it. */
function isRunning(document: unknown): boolean {
  return isObject(document) && document['running'] === true;
}

/** A model of unknown category is looked for in all roots. */
function namesOf({ models }: Analysis): ModelName[] {
  return models.map(({ category, name }) => ({ category: category ?? '', name }));
}
