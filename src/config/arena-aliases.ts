import { CacheError } from '../core/errors.ts';
import { expected, parseBoolean } from '../core/units.ts';
import type { Given } from './env.ts';
import { keys } from './keys.ts';
import { parseGiven } from './problems.ts';
import { oneOf } from './values.ts';

type Get = (key: string) => Given | undefined;

/** The meaning of some Arena keys here. */
export interface Understood {
  /** The value for our key; null = nothing changes. */
  text: string | null;
  /** The deciding keys, in order of precedence; the other set keys are not used. */
  by: Given[];
  why?: string;
}

interface Alias {
  target: string;
  keys: readonly string[];
  /** Called when at least one of the keys is set. @throws CacheError BAD_CONFIG with a whole problem line */
  read: (get: Get) => Understood;
}

/** All keys that any Arena AutoCache generation read or documented and that have a meaning here, by the key they set. */
export const aliases: readonly Alias[] = [
  { target: keys.dir.name, keys: ['ARENA_CACHE_ROOT', 'ARENA_CACHE_DIR'], read: readDir },
  { target: keys.limit.name, keys: ['ARENA_CACHE_MAX_GB', 'ARENA_CACHE_MAX_SIZE_GB'], read: readLimit },
  { target: keys.roots.name, keys: ['ARENA_NAS_ROOT'], read: readRoots },
  {
    target: keys.mode.name,
    keys: [
      'ARENA_CACHE_MODE',
      'ARENA_DISABLE_PATH_PATCHING',
      'ARENA_CACHE_ENABLE',
      'ARENA_AUTO_CACHE_ENABLED',
      'ARENA_AUTOCACHE_AUTOPATCH',
    ],
    read: readMode,
  },
  { target: keys.minSize.name, keys: ['ARENA_CACHE_MIN_SIZE_MB', 'ARENA_CACHE_MIN_SIZE_GB'], read: readMinSize },
  { target: keys.exclude.name, keys: ['ARENA_CACHE_SKIP_HARDCODED'], read: readExclude },
  { target: keys.categories.name, keys: ['ARENA_CACHE_CATEGORIES', 'ARENA_CACHE_CATEGORIES_MODE'], read: readCategories },
  { target: keys.jobs.name, keys: ['ARENA_CACHE_MAX_CONCURRENCY'], read: readJobs },
  { target: keys.dailyWrites.name, keys: ['ARENA_CACHE_SESSION_BYTE_BUDGET'], read: readDailyWrites },
  { target: keys.log.name, keys: ['ARENA_CACHE_VERBOSE', 'ARENA_LOG_LEVEL'], read: readLog },
];

/** Arena keys without a counterpart here, and why. */
export const ignored: Readonly<Record<string, string>> = {
  ARENA_AUTOCACHE_AUTOPATCH_TIMEOUT_S: 'ignored, nothing waits for ComfyUI to start',
  ARENA_AUTOCACHE_AUTOPATCH_POLL_MS: 'ignored, nothing waits for ComfyUI to start',
  ARENA_CACHE_DISCOVERY: `ignored, every model that is loaded may be copied; ${keys.include.name} and ${keys.categories.name} choose`,
  ARENA_CACHE_PREFETCH_STRATEGY: 'ignored, the models of a queued prompt are always fetched ahead',
  ARENA_CACHE_COOLDOWN_MS: 'ignored, a file is never copied twice at once',
  ARENA_NAS_AUTO_SCAN: "ignored, ComfyUI's model folders come by themselves",
  ARENA_NAS_SCAN_MAX_DEPTH: "ignored, ComfyUI's model folders come by themselves",
  ARENA_LANG: 'ignored, messages are in English',
};

function readDir(get: Get): Understood {
  const by = present(get, 'ARENA_CACHE_ROOT', 'ARENA_CACHE_DIR').slice(0, 1);
  return { text: textOf(by), by };
}

function readLimit(get: Get): Understood {
  const by = present(get, 'ARENA_CACHE_MAX_GB', 'ARENA_CACHE_MAX_SIZE_GB').slice(0, 1);
  const [gigabytes = 0] = by.map(number);
  if (gigabytes > 0) return { text: `${gigabytes}GiB`, by };
  return { text: 'auto', by, why: 'warning: 0 meant "no limit" or "evict everything" in Arena; here the free space decides' };
}

function readRoots(get: Get): Understood {
  const by = present(get, 'ARENA_NAS_ROOT');
  return { text: `${textOf(by)}=nas`, by };
}

function readMode(get: Get): Understood {
  const strategy = get('ARENA_CACHE_MODE');
  const word = strategy && parseGiven(strategy, oneOf(['ondemand', 'disabled', 'eager']));
  if (strategy && word === 'eager') {
    parseGiven(strategy, () => {
      throw new CacheError(
        'BAD_REQUEST',
        'eager copying at start is not offered; set ondemand, and run `autocached warm` for what you want',
      );
    });
  }
  const kill = get('ARENA_DISABLE_PATH_PATCHING');
  if (kill && boolean(kill)) return { text: 'off', by: [kill] };
  if (strategy && word === 'disabled') return { text: 'off', by: [strategy] };
  const enable = get('ARENA_CACHE_ENABLE');
  if (enable && !boolean(enable)) return { text: 'off', by: [enable] };
  const switches = present(get, 'ARENA_AUTO_CACHE_ENABLED', 'ARENA_AUTOCACHE_AUTOPATCH');
  if (switches.length > 0) return readSwitches(get, switches);
  return {
    text: null,
    by: present(get, 'ARENA_CACHE_MODE', 'ARENA_CACHE_ENABLE', 'ARENA_DISABLE_PATH_PATCHING'),
    why: 'as by default',
  };
}

/** Generation 4 has both switches, generation 3 only the second. */
function readSwitches(get: Get, by: Given[]): Understood {
  const [enabled, patch] = [get('ARENA_AUTO_CACHE_ENABLED'), get('ARENA_AUTOCACHE_AUTOPATCH')];
  const copies = patch ? boolean(patch) : false;
  const uses = enabled ? boolean(enabled) : copies;
  if (uses) return { text: copies ? 'read-write' : 'read-only', by };
  return {
    text: 'off',
    by,
    why: `Arena puts its switches back to 0 by itself; ${keys.mode.name}=read-write switches caching on`,
  };
}

function readMinSize(get: Get): Understood {
  const sizes = present(get, 'ARENA_CACHE_MIN_SIZE_MB', 'ARENA_CACHE_MIN_SIZE_GB').map((given) => {
    const unit = given.key.endsWith('_GB') ? 'GiB' : 'MiB';
    const amount = number(given);
    return { given, text: `${amount}${unit}`, megabytes: unit === 'GiB' ? amount * 1024 : amount };
  });
  const [larger] = sizes.toSorted((a, b) => b.megabytes - a.megabytes);
  return { text: larger?.text ?? null, by: larger ? [larger.given] : [] };
}

function readExclude(get: Get): Understood {
  const by = present(get, 'ARENA_CACHE_SKIP_HARDCODED');
  if (!by.every(boolean)) return { text: null, by, why: 'as by default' };
  const folders = ['controlnet', 'control_net', 'insightface', 'ipadapter', 'clip_vision'];
  return { text: folders.map((folder) => `**/${folder}/**`).join(','), by, why: 'set it to 0 to cache these too' };
}

function readCategories(get: Get): Understood {
  const [list, how] = [get('ARENA_CACHE_CATEGORIES'), get('ARENA_CACHE_CATEGORIES_MODE')];
  const by = present(get, 'ARENA_CACHE_CATEGORIES', 'ARENA_CACHE_CATEGORIES_MODE');
  const word = how ? parseGiven(how, oneOf(['extend', 'override'])) : 'extend';
  if (list && word === 'override') return { text: list.text, by };
  return {
    text: null,
    by,
    why: 'every category is cached; ARENA_CACHE_CATEGORIES_MODE=override would cache only those listed',
  };
}

function readJobs(get: Get): Understood {
  const by = present(get, 'ARENA_CACHE_MAX_CONCURRENCY');
  return { text: by.map(number).join(), by };
}

function readDailyWrites(get: Get): Understood {
  const by = present(get, 'ARENA_CACHE_SESSION_BYTE_BUDGET');
  const [bytes = 0] = by.map(number);
  return bytes === 0 ? { text: null, by, why: 'no budget' } : { text: `${Math.ceil(bytes)}`, by, why: 'bytes in a day' };
}

function readLog(get: Get): Understood {
  const [verbose, level] = [get('ARENA_CACHE_VERBOSE'), get('ARENA_LOG_LEVEL')];
  if (verbose && boolean(verbose)) return { text: 'debug', by: [verbose] };
  if (!level) return { text: null, by: present(get, 'ARENA_CACHE_VERBOSE'), why: 'as by default' };
  const word = parseGiven(level, oneOf(['debug', 'info', 'warning', 'error']));
  return { text: word === 'warning' ? 'warn' : word, by: [level] };
}

function present(get: Get, ...names: string[]): Given[] {
  return names.flatMap((name) => get(name) ?? []);
}

function textOf([given]: Given[]): string | null {
  return given?.text ?? null;
}

function boolean(given: Given): boolean {
  return parseGiven(given, parseBoolean);
}

/** Arena's own node writes `10.0` for 10. */
function number(given: Given): number {
  return parseGiven(given, (text) => {
    if (!/^\d+(?:\.\d+)?$/.test(text)) throw expected('a number from 0', text);
    return Number(text);
  });
}
