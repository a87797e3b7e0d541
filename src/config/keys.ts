import { modes } from '../core/types.ts';
import { parseBoolean, parseDuration, parseRate, parseShare, parseSize } from '../core/units.ts';
import { daemonKeys } from './daemon-keys.ts';
import { farmKeys } from './farm-keys.ts';
import type { Key } from './key.ts';
import { llmKeys } from './llm-keys.ts';
import { memoKeys } from './memo-keys.ts';
import { parsePath, parsePaths, parseRoots } from './paths.ts';
import { remoteKeys } from './remote-keys.ts';
import { spaceKeys } from './space-keys.ts';
import { type Config, policyNames, predictModes } from './types.ts';
import {
  bounds,
  choiceOf,
  moreThanZero,
  orOff,
  parseCategory,
  parseFloor,
  parseGlobs,
  parseLimit,
  parseList,
  parseRateKind,
  parseUrl,
  perSource,
  wholeNumber,
} from './values.ts';

/**
 * All keys, in the order of display. The typed configuration, `.env.example`, the `config` command and the hint for an unknown
 * key come from this table.
 */
export const keys: { readonly [F in keyof Config]: Key<Config[F]> } = {
  dir: {
    name: 'AUTOCACHE_DIR',
    default: '',
    meaning: "cache directory on the SSD; empty = autocached in the user's cache directory",
    live: false,
    parse: (text, context) => (text === '' ? context.defaults.cache : parsePath(text, context)),
  },
  limit: {
    name: 'AUTOCACHE_LIMIT',
    default: 'auto',
    meaning: 'most bytes the SSD tier may hold: 200GiB, 80% of the volume, or auto',
    live: true,
    parse: parseLimit,
  },
  minFree: {
    name: 'AUTOCACHE_MIN_FREE',
    default: '5%',
    meaning: 'free space to keep on the cache disk: 50GiB, or a share of the disk',
    live: false,
    parse: parseFloor,
  },
  roots: {
    name: 'AUTOCACHE_ROOTS',
    default: '',
    meaning: "model folders besides ComfyUI's own, path or path=hdd|nas|s3|ssd, separated by ; or : (Windows: ;)",
    live: true,
    parse: parseRoots,
  },
  comfyui: {
    name: 'AUTOCACHE_COMFYUI',
    default: '',
    meaning: 'ComfyUI directories, separated like the roots; their extra_model_paths.yaml and extra_paths.yaml are read',
    live: true,
    parse: parsePaths,
  },
  comfyuiUrl: {
    name: 'AUTOCACHE_COMFYUI_URL',
    default: 'off',
    meaning:
      'off, or the URL of a ComfyUI without the shim, such as http://127.0.0.1:8188: models of its queued prompts are prefetched',
    live: false,
    parse: parseUrl,
  },
  comfyuiFree: {
    name: 'AUTOCACHE_COMFYUI_FREE',
    default: 'off',
    meaning:
      'off, or auto: an idle ComfyUI unloads models still read from the source although a copy is ready, and drops all node results',
    live: true,
    ...choiceOf(['off', 'auto']),
  },
  comfyuiOwnPath: {
    name: 'AUTOCACHE_COMFYUI_OWN_PATH',
    default: '',
    meaning: 'classes of nodes that get the own path of a model, never that of a copy, separated by commas; some are known',
    live: true,
    parse: parseList,
  },
  ...remoteKeys,
  mode: {
    name: 'AUTOCACHE_MODE',
    default: 'read-write',
    meaning: 'off, read-only (use copies, make none) or read-write',
    live: true,
    ...choiceOf(modes),
  },
  onMiss: {
    name: 'AUTOCACHE_ON_MISS',
    default: 'auto',
    meaning:
      'background (load from the source at once), wait (for the copy), or auto (wait when that is estimated to be faster)',
    live: true,
    ...choiceOf(['background', 'wait', 'auto']),
  },
  waitMaxMs: {
    name: 'AUTOCACHE_WAIT_MAX',
    default: '10m',
    meaning: 'longest wait for a copy',
    live: true,
    parse: parseDuration,
  },
  minSize: {
    name: 'AUTOCACHE_MIN_SIZE',
    default: '16MiB',
    meaning: 'smallest file to cache; per category as 16MiB,loras=1MiB',
    live: true,
    parse: bounds({ name: parseCategory, value: parseSize, overall: 16 * 2 ** 20 }),
  },
  maxSize: {
    name: 'AUTOCACHE_MAX_SIZE',
    default: 'none',
    meaning: 'largest file to cache; per category as none,loras=2GiB',
    live: true,
    parse: bounds<string, number | null>({ name: parseCategory, value: moreThanZero(parseSize, 'none'), overall: null }),
  },
  include: {
    name: 'AUTOCACHE_INCLUDE',
    default: '',
    meaning:
      'globs of files to cache, separated by commas; matched with the path, the path below the root and the name; empty = all',
    live: true,
    parse: parseGlobs,
  },
  exclude: {
    name: 'AUTOCACHE_EXCLUDE',
    default: '',
    meaning: 'globs of files not to cache; wins over AUTOCACHE_INCLUDE',
    live: true,
    parse: parseGlobs,
  },
  categories: {
    name: 'AUTOCACHE_CATEGORIES',
    default: '',
    meaning: 'categories to cache, such as checkpoints,loras,vae; empty = all',
    live: true,
    parse: parseList,
  },
  policy: {
    name: 'AUTOCACHE_POLICY',
    default: 'heat',
    meaning: `how copies are chosen for eviction: ${policyNames.join(', ')}`,
    live: true,
    ...choiceOf(policyNames),
  },
  ...spaceKeys,
  predict: {
    name: 'AUTOCACHE_PREDICT',
    default: 'learn',
    meaning:
      'off, queue (models of queued prompts, and of workflows that are open or saved, are copied ahead), or learn (also new files, and those of the likely next workflow)',
    live: true,
    ...choiceOf(predictModes),
  },
  jobs: {
    name: 'AUTOCACHE_JOBS',
    default: '2',
    meaning: 'copies running at the same time; 32 small ones, of up to 1 MiB each, count as one',
    live: false,
    parse: wholeNumber(1, 64),
  },
  jobsPerSource: {
    name: 'AUTOCACHE_JOBS_PER_SOURCE',
    default: 'hdd=1',
    meaning: 'copies running at the same time from one source, by its kind, such as hdd=1,nas=2; hdd is 1 unless named',
    live: false,
    // A second reader of a hard disk makes both slower than one after the other.
    parse: perSource({ hdd: 1 }),
  },
  rate: {
    name: 'AUTOCACHE_RATE',
    default: 'none',
    meaning:
      'most bytes per second for all copies together, such as 500MiB, or for one kind of source as nas=200MiB, or from the other hosts of a farm as peer=200MiB',
    live: true,
    parse: bounds({ name: parseRateKind, value: moreThanZero(parseRate, 'none'), overall: null }),
  },
  polite: {
    name: 'AUTOCACHE_POLITE',
    default: 'on',
    meaning:
      'on: background copies give way while another program reads from the same local disk, that of the cache too (Linux); or off',
    live: true,
    choices: ['on', 'off'],
    parse: parseBoolean,
  },
  dailyWrites: {
    name: 'AUTOCACHE_DAILY_WRITES',
    default: 'none',
    meaning: 'most bytes written to the SSD per UTC day, to bound its wear; nothing more is copied that day',
    live: true,
    parse: moreThanZero(parseSize, 'none'),
  },
  compress: {
    name: 'AUTOCACHE_COMPRESS',
    default: 'off',
    meaning: 'off, or cold: near the limit, the least valuable copies are kept compressed',
    live: false,
    ...choiceOf(['off', 'cold']),
  },
  ramDir: {
    name: 'AUTOCACHE_RAM_DIR',
    default: '',
    meaning:
      'directory of the RAM tier, on a tmpfs or a RAM disk; empty = /dev/shm/autocached on Linux, none elsewhere; off = no RAM tier',
    live: false,
    parse: orOff((text, context) => (text === '' ? null : parsePath(text, context))),
  },
  ramLimit: {
    name: 'AUTOCACHE_RAM_LIMIT',
    default: '',
    meaning:
      'off, or most bytes in RAM: 16GiB, 50% of the memory available at start, auto (70%); empty = auto with AUTOCACHE_RAM_DIR, else off',
    live: false,
    parse: orOff((text) => (text === '' ? null : parseLimit(text))),
  },
  ramSoft: {
    name: 'AUTOCACHE_RAM_SOFT',
    default: '85%',
    meaning:
      'share of that limit that the RAM tier fills by itself; the rest is for a moment, or for one larger model on request',
    live: true,
    parse: parseShare,
  },
  verify: {
    name: 'AUTOCACHE_VERIFY',
    default: 'stream',
    meaning: 'stream: hash while copying; or reread: also read the finished copy back from the disk before it is used',
    live: true,
    ...choiceOf(['stream', 'reread']),
  },
  scrubMs: {
    name: 'AUTOCACHE_SCRUB',
    default: '30d',
    meaning: 'off, or how often every copy is verified against its hash, such as 30d',
    live: true,
    parse: moreThanZero(parseDuration, 'off'),
  },
  ...memoKeys,
  presetGraphs: {
    name: 'AUTOCACHE_PRESET_GRAPHS',
    default: '32',
    meaning: 'most compiled graphs of presets that are kept',
    live: true,
    parse: wholeNumber(0, 10_000),
  },
  ...llmKeys,
  ...farmKeys,
  ...daemonKeys,
};

/** The fields of the configuration, in the order of the table. */
export const fields = Object.keys(keys) as (keyof Config)[];

/** The fields that may change at runtime. */
export const liveFields = fields.filter((field) => keys[field].live);

export const prefix = 'AUTOCACHE_';

/** The name of a key in requests: `AUTOCACHE_WAIT_MAX` is `wait_max`. */
export function shortName(field: keyof Config): string {
  return keys[field].name.slice(prefix.length).toLowerCase();
}
