import type { WarmItem } from '../api/api.ts';
import type { WorkflowAnswer } from '../api/workflow.ts';
import { reasonTerms } from '../core/vocabulary.ts';
import { analyze } from './analyze.ts';
import type { Analysis, AnalyzeOptions } from './types.ts';

/** A model as ComfyUI names it. */
export interface ModelName {
  category: string;
  name: string;
}

export interface FindModelsDeps extends Omit<AnalyzeOptions, 'resolveName'> {
  /** The state of these files, in their order. */
  check(names: readonly ModelName[]): Promise<WarmItem[]>;
}

/** Limits for one document: names to look for, and rounds in which found files change the names to look for. */
const most = { names: 2000, rounds: 4 };

/**
 * The model files of a document (see `analyze`), looked for in this machine's roots. Analysing must not wait, but sources answer
 * late. So a file not yet looked for is assumed to exist; then all of them are looked for at once, and the document is analysed
 * again with the results.
 * @throws CacheError BAD_REQUEST when the document cannot be read
 */
export async function findModels(document: unknown, { check, ...options }: FindModelsDeps): Promise<Analysis> {
  const known = new Map<string, WarmItem>();
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
    const analysis = analyze(document, { ...options, resolveName });
    if (asked.size === 0) return analysis;
    const items = await check([...asked.values()]);
    for (const [index, key] of [...asked.keys()].entries()) known.set(key, items[index] ?? notThere);
  }
}

/** The models of an analysis with the state of each. @param items in the order of `analysis.models` */
export function withItems({ kind, models, skipped }: Analysis, items: readonly WarmItem[]): WorkflowAnswer {
  const found = models.map((model, index) => {
    const { path, tier, reason, word, why, size, ready, pinned } = items[index] ?? notThere;
    const known = size === null && !ready ? null : path;
    return { ...model, path: known, tier, reason, word, why, size, ready, pinned };
  });
  return { kind, models: found, skipped };
}

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
