import { parseDuration } from '../core/units.ts';
import type { Key } from './key.ts';
import type { Config } from './types.ts';
import { moreThanZero, parseApiUrl } from './values.ts';

type LlmField = Extract<keyof Config, `llm${string}`>;

/** The keys of the cache before a language model's server. */
export const llmKeys: { readonly [F in LlmField]: Key<Config[F]> } = {
  llmUrl: {
    name: 'AUTOCACHE_LLM_URL',
    default: 'off',
    meaning:
      'off, or an OpenAI-compatible server such as http://127.0.0.1:8080: its repeatable answers are kept for clients of /llm/v1',
    live: false,
    parse: parseApiUrl,
  },
  llmTimeoutMs: {
    name: 'AUTOCACHE_LLM_TIMEOUT',
    default: '10m',
    meaning: 'longest silence of that server until it counts as hung; or none',
    live: false,
    parse: moreThanZero(parseDuration, 'none'),
  },
};
