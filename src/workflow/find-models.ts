import type { WarmItem } from '../api/api.ts';
import type { WorkflowAnswer } from '../api/workflow.ts';
import { notNeededTerm, reasonTerms, unresolvedTerms } from '../core/vocabulary.ts';
import { analyze } from './analyze.ts';
import type { Analysis, AnalyzeOptions } from './types.ts';

/** The name of a model in ComfyUI. */
export interface ModelName {
  category: string;
  name: string;
}

export interface FindModelsDeps extends Omit<AnalyzeOptions, 'resolveName' | 'withStem'> {
  /** The state of these files, in their order. */
  check(names: readonly ModelName[]): Promise<WarmItem[]>;
  /** Names of the files of a category with this stem. */
  withStem(category: string, stem: string): Promise<readonly string[]>;
}

/** Limits for one document: names to look for, and rounds in which found files change the names to look for. */
const most = { names: 2000, rounds: 4 };

/**
 * The model files of a document (see `analyze`), looked for in this machine's roots. Analysing must not wait, but sources answer
 * late. So a file not yet looked for is assumed to exist; then all of them are looked for at once, and the document is analysed
 * again with the results.
 * @throws CacheError BAD_REQUEST when the document cannot be read
 */
export async function findModels(document: unknown, { check, ...deps }: FindModelsDeps): Promise<Analysis> {
  const known = new Map<string, WarmItem>();
  const stems = new Map<string, readonly string[]>();
  for (let round = 0; ; round++) {
    const asked = new Map<string, ModelName>();
    const resolveName = (category: string, name: string) => {
      const key = `${category}/${name}`;
      const item = known.get(key);
      if (item) return isThere(item) ? item.path : null;
      if (round >= most.rounds || known.size + asked.size >= most.names) return null;
      asked.set(key, { category, name });
      return key;
    };
    const askedStems = new Map<string, ModelName>();
    const withStem = (category: string, stem: string) => {
      const key = `${category}/${stem}`;
      const isAskable = round < most.rounds && stems.size + askedStems.size < most.names;
      if (!stems.has(key) && isAskable) askedStems.set(key, { category, name: stem });
      return stems.get(key) ?? [];
    };
    const analysis = analyze(document, { ...deps, resolveName, withStem });
    if (asked.size + askedStems.size === 0) return analysis;
    const found = await Promise.all([...askedStems.values()].map(({ category, name }) => deps.withStem(category, name)));
    for (const [index, key] of [...askedStems.keys()].entries()) stems.set(key, found[index] ?? []);
    const items = await check([...asked.values()]);
    for (const [index, key] of [...asked.keys()].entries()) known.set(key, items[index] ?? notThere);
  }
}

/** The models of an analysis with the state of each. @param items in the order of `analysis.models` */
export function withItems({ kind, models, skipped, unresolved }: Analysis, items: readonly WarmItem[]): WorkflowAnswer {
  const found = models.map((model, index) => {
    const { path, tier, reason, word, why, size, ready, pinned } = items[index] ?? notThere;
    const known = size === null && !ready ? null : path;
    const state = { path: known, tier, reason, word, why, size, ready, pinned };
    const isSpared = model.notNeeded && known !== null && !state.ready;
    return { ...model, ...state, ...(isSpared && notNeeded), ...(model.opensItself && known !== null && leftToItself) };
  });
  const told = unresolved.map((input) => ({
    ...input,
    word: unresolvedTerms[input.reason].word,
    why: unresolvedTerms[input.reason].says,
  }));
  return { kind, models: found, skipped, unresolved: told };
}

/** The state of a model that its node opens itself: copies are not used. */
const leftToItself = {
  reason: 'BYPASS_EXCLUDED',
  word: reasonTerms.BYPASS_EXCLUDED.word,
  why: unresolvedTerms.OWN_LOADER.says,
  ready: false,
} as const;

/** The state of a model whose copy would not be read. */
const notNeeded = { reason: 'BYPASS_EXCLUDED', word: notNeededTerm.word, why: notNeededTerm.says } as const;

function isThere({ ready, size }: WarmItem): boolean {
  return ready || size !== null;
}

const notThere: WarmItem = {
  item: '',
  path: null,
  tier: null,
  reason: 'SOURCE_MISSING',
  word: reasonTerms.SOURCE_MISSING.word,
  why: reasonTerms.SOURCE_MISSING.says,
  ready: false,
  pinned: false,
  size: null,
  job: null,
  message: null,
};
