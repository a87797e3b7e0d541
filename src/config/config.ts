import { isDeepStrictEqual } from 'node:util';
import type { ConfigChange } from '../api/api.ts';
import { CacheError, messageOf } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import { readArena } from './arena.ts';
import { effective, type Given, type LoadOptions, type RawEnv, readEnv } from './env.ts';
import { fields, keys, meaningOf, notYet } from './keys.ts';
import { nearest } from './nearest.ts';
import type { Place } from './paths.ts';
import { problemLine, withoutSecrets } from './problems.ts';
import type { Config, LoadedConfig, Setting } from './types.ts';

/**
 * Reads and checks the whole configuration: defaults, the user's config.env, .env in the state directory, .env in the working
 * directory, environment, flags; the later wins. Keys of Arena AutoCache count where ours are not set.
 * @throws CacheError BAD_CONFIG with one line for every problem
 */
export function loadConfig(options: LoadOptions = {}): LoadedConfig {
  const raw = readEnv(options);
  const set = effective(raw.layers);
  const arena = readArena(set);
  const problems = [...raw.problems, ...unknownKeys(raw), ...arena.problems];

  const config: Partial<Config> = {};
  const settings = fields.map((field) => {
    const { name } = keys[field];
    const given = set.get(name) ?? arena.given.get(name) ?? { key: name, text: '', from: 'default', base: raw.cwd };
    try {
      parseInto(config, field, { text: given.text, place: { ...raw.place, base: given.base } });
    } catch (error) {
      problems.push(problemLine(given, error));
    }
    return settingOf(field, given, config[field]);
  });

  if (!isWhole(config)) throw badConfig(problems);
  problems.push(...contradictions(config, settings));
  if (problems.length > 0) throw badConfig(problems);
  const withoutEffect = leaveOut(config, settings);
  const notices = arena.notice === null ? withoutEffect : [arena.notice, ...withoutEffect];
  return { config, settings, notices, environment: raw.environment };
}

/**
 * The part of the configuration that a live change sets.
 * @throws CacheError BAD_CONFIG with one line for every problem
 */
export function parseChange(change: ConfigChange): Partial<Config> {
  const config: Partial<Config> = {};
  const problems: string[] = [];
  for (const [name, text] of Object.entries(change)) {
    const field = fields.find((candidate) => candidate === name && keys[candidate].live);
    if (!field) {
      const live = fields.filter((candidate) => keys[candidate].live).join(', ');
      problems.push(`${name}: cannot change while the daemon runs; ${live} can`);
      continue;
    }
    try {
      // The text comes from a request: it may be anything, and unlike in a file an empty one is a mistake.
      if (typeof text !== 'string' || text.trim() === '') throw new TypeError('expected a text that is not empty');
      parseInto(config, field, { text: text.trim(), place: nowhere });
    } catch (error) {
      problems.push(`${name}: ${messageOf(error)}`);
    }
  }
  if (problems.length > 0) throw badConfig(problems);
  return config;
}

const prefix = 'AUTOCACHE_';

/** For live keys: none of them is a path. */
const nowhere: Place = { platform: 'linux', home: '/', base: '/', defaults: { cache: '/', state: '/' } };

function parseInto<F extends keyof Config>(
  config: Partial<Config>,
  field: F,
  { text, place }: { text: string; place: Place },
): void {
  config[field] = keys[field].parse(text || keys[field].default, place);
}

function isWhole(config: Partial<Config>): config is Config {
  return fields.every((field) => field in config);
}

function unknownKeys({ layers }: RawEnv): string[] {
  const known = fields.map((field) => keys[field].name.slice(prefix.length));
  return layers.flatMap(({ from, values }) =>
    Object.keys(values).flatMap((key) => {
      const word = key.slice(prefix.length);
      if (!key.toUpperCase().startsWith(prefix) || (key.startsWith(prefix) && known.includes(word))) return [];
      return [`${from}: ${key}: not a known key; the nearest one is ${prefix}${nearest(word.toUpperCase(), known)}`];
    }),
  );
}

/** A word or a path is shown as it was understood, anything else as it was written. */
function settingOf(field: keyof Config, given: Given, value: Config[keyof Config] | undefined): Setting {
  const { name, live, default: otherwise } = keys[field];
  const text = typeof value === 'string' ? value : given.text || otherwise;
  const from = given.key === name ? given.from : `${given.from} (${given.key})`;
  return { key: name, value: withoutSecrets(text), from, meaning: meaningOf(field), live };
}

function contradictions({ minSize, maxSize, dir, stateDir }: Config, settings: readonly Setting[]): string[] {
  const from = (key: string) => settings.find((setting) => setting.key === key)?.from;
  const places = (a: string, b: string) => `${a} (${from(a)}) and ${b} (${from(b)})`;
  const problems: string[] = [];
  for (const category of new Set([null, ...Object.keys(minSize.by), ...Object.keys(maxSize.by)])) {
    const least = (category === null ? undefined : minSize.by[category]) ?? minSize.overall;
    const most = category === null || maxSize.by[category] === undefined ? maxSize.overall : maxSize.by[category];
    if (most === null || least <= most) continue;
    const what = `from ${formatBytes(least)} to ${formatBytes(most)}${category === null ? '' : ` for ${category}`}`;
    problems.push(`${places(keys.minSize.name, keys.maxSize.name)}: no file has a size ${what}`);
  }
  if (dir === stateDir) {
    problems.push(
      `${places(keys.dir.name, keys.stateDir.name)}: the cache and the state need a directory each, not both ${dir}`,
    );
  }
  return problems;
}

/** Takes out of the configuration what this version does not do, and says so for each setting that asked for it. */
function leaveOut(config: Config, settings: readonly Setting[]): string[] {
  const named = new Set(fields.filter((field) => standIn(config, field)).map((field) => keys[field].name));
  return settings
    .filter(({ key }) => named.has(key))
    .map(({ key, value, from }) => `${key}=${value} has no effect in this version (from ${from})`);
}

/** True when the value had to be replaced. */
function standIn<F extends keyof Config>(config: Config, field: F): boolean {
  const asked = config[field];
  const missing = notYet[field];
  if (missing) config[field] = missing.instead(asked);
  return !isDeepStrictEqual(asked, config[field]);
}

function badConfig(problems: readonly string[]): CacheError {
  const message = ['the configuration cannot be used:', ...problems].join('\n  ');
  return new CacheError('BAD_CONFIG', message, { hint: '.env.example holds every key with its default' });
}
