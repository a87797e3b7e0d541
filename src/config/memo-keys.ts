import { memoModes } from '../api/memo.ts';
import { codeChecks, comfyuiModes } from '../api/memo-comfyui.ts';
import { parseDuration, parseSize } from '../core/units.ts';
import type { Key } from './key.ts';
import { parsePath } from './paths.ts';
import { parseRedis } from './redis-servers.ts';
import type { Config } from './types.ts';
import { choiceOf, moreThanZero, parseApiUrl, parseLimit, wholeNumber } from './values.ts';

type MemoField = Extract<keyof Config, `memo${string}` | `embeddings${string}`>;

/** The keys of the plane of results. */
export const memoKeys: { readonly [F in MemoField]: Key<Config[F]> } = {
  memo: {
    name: 'AUTOCACHE_MEMO',
    default: 'on',
    meaning: 'results that programs compute: on (kept and found again), read-only (found, none kept) or off',
    live: true,
    ...choiceOf(memoModes),
  },
  memoLimit: {
    name: 'AUTOCACHE_MEMO_LIMIT',
    default: 'auto',
    meaning: 'most bytes of results in the cache directory: 20GiB, 5% of the volume, or auto (5%, at most 10GiB)',
    live: true,
    parse: parseLimit,
  },
  memoRam: {
    name: 'AUTOCACHE_MEMO_RAM',
    default: '256MiB',
    meaning: "most bytes of results in the daemon's memory; 0 = none",
    live: false,
    parse: parseSize,
  },
  memoItems: {
    name: 'AUTOCACHE_MEMO_ITEMS',
    default: '10000',
    meaning: 'most results',
    live: true,
    parse: wholeNumber(1, 100_000_000),
  },
  memoMaxValue: {
    name: 'AUTOCACHE_MEMO_MAX_VALUE',
    default: '1GiB',
    meaning: 'most bytes of one result',
    live: true,
    parse: parseSize,
  },
  memoTtlMs: {
    name: 'AUTOCACHE_MEMO_TTL',
    default: '7d',
    meaning: 'how long a result is fresh when its program does not say, such as 1h; none = without end',
    live: true,
    parse: moreThanZero(parseDuration, 'none'),
  },
  memoStaleMs: {
    name: 'AUTOCACHE_MEMO_STALE',
    default: '0',
    meaning: 'time for which it is served after that, while one program computes it anew',
    live: true,
    parse: parseDuration,
  },
  memoComfyui: {
    name: 'AUTOCACHE_MEMO_COMFYUI',
    default: 'text',
    meaning:
      "outputs of ComfyUI's nodes that are kept over its restarts: off, text (encodings of texts), results (also latents, processed images and saved files) or all (also repeatable custom nodes and answers of paid services)",
    live: true,
    ...choiceOf(comfyuiModes),
  },
  memoCode: {
    name: 'AUTOCACHE_MEMO_CODE',
    default: 'strict',
    meaning:
      'when they are computed again: strict = after any change of the code of ComfyUI or of a custom node, version = after a change of version',
    live: true,
    ...choiceOf(codeChecks),
  },
  memoAudit: {
    name: 'AUTOCACHE_MEMO_AUDIT',
    default: '200',
    meaning: 'one in this many outputs served to ComfyUI is computed again while it is idle, and compared; 0 = none',
    live: true,
    parse: wholeNumber(0, 1_000_000_000),
  },
  memoRedis: {
    name: 'AUTOCACHE_MEMO_REDIS',
    default: '',
    meaning:
      'Redis that machines share results in; empty = that of AUTOCACHE_FARM: redis://user:password@host:6379, rediss://, redis+cluster://a,b, redis+sentinel://a,b/name',
    live: false,
    parse: parseRedis,
  },
  embeddingsUrl: {
    name: 'AUTOCACHE_EMBEDDINGS_URL',
    default: 'off',
    meaning:
      'off, or an OpenAI-compatible server such as http://127.0.0.1:11434: it gives the vectors of texts, for namespaces that compare texts',
    live: false,
    parse: parseApiUrl,
  },
  embeddingsModel: {
    name: 'AUTOCACHE_EMBEDDINGS_MODEL',
    default: 'all-minilm',
    meaning: 'the model that this server is asked for; another model needs another name, for its vectors cannot be compared',
    live: false,
    parse: (text) => text,
  },
  embeddingsKeyFile: {
    name: 'AUTOCACHE_EMBEDDINGS_KEY_FILE',
    default: '',
    meaning:
      'a file with the key of this server, if it wants one: the key is read from there for each question, and shown nowhere',
    live: false,
    parse: (text, context) => (text === '' ? null : parsePath(text, context)),
  },
};
