import { homedir } from 'node:os';
import type { ConfigChange } from '../api/api.ts';
import { CacheError, messageOf } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import { readArena } from './arena.ts';
import { defaultDirectories } from './directories.ts';
import { effective, type Given, type LoadOptions, type RawEnv, readEnv } from './env.ts';
import { fields, keys, liveFields, prefix, shortName } from './keys.ts';
import type { PathContext } from './paths.ts';
import { problemLine, withoutSecrets } from './problems.ts';
import { environmentKeys } from './remote.ts';
import type { Config, Setting } from './types.ts';
import { isSetting, nearestSetting, reasonAgainst } from './unknown-setting.ts';

/** Minimum size of any model, bytes. */
const leastLimit = 100_000;

export interface LoadedConfig {
  config: Config;
  /** The settings in the order of the table. */
  settings: Setting[];
  /** Logged once at start: understood aliases, values without effect here. */
  notices: string[];
  /** The environment at reading, for files of others that name variables. */
  environment: NodeJS.ProcessEnv;
  /** The context of values outside any file, where a relative path has no base. */
  context: PathContext;
  /** The files it was read from, existing or not. */
  files: string[];
  /** The options for reading it again. */
  options: LoadOptions;
}

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
      parseInto(config, field, { text: given.text, context: { ...raw.context, base: given.base } });
    } catch (error) {
      problems.push(problemLine(given, error));
    }
    return settingOf(field, given, config[field]);
  });

  if (!isWhole(config)) throw badConfig(problems);
  problems.push(...contradictions(config, settings));
  if (problems.length > 0) throw badConfig(problems);
  const others = [...leaveOutBuckets(config), ...tinyLimit(config)];
  const notices = arena.notice === null ? others : [arena.notice, ...others];
  const { environment, files } = raw;
  return { config, settings, notices, environment, files, options, context: { ...raw.context, base: null } };
}

/** Whether no layer sets this field. */
export function isDefault(field: keyof Config, { settings }: Pick<LoadedConfig, 'settings'>): boolean {
  return settings.some(({ key, from }) => key === keys[field].name && from === 'default');
}

/**
 * The part of the configuration that a live change sets, its keys by their short names.
 * @throws CacheError BAD_CONFIG with one line for every problem
 */
export function parseChange(change: ConfigChange, context: PathContext = here()): Partial<Config> {
  const config: Partial<Config> = {};
  const problems: string[] = [];
  for (const [name, text] of Object.entries(change)) {
    const field = liveFields.find((candidate) => shortName(candidate) === name);
    if (!field) {
      problems.push(`${name}: cannot change while the daemon runs; ${liveFields.map(shortName).join(', ')} can`);
      continue;
    }
    try {
      // A request may hold anything. Unlike in a file, an empty text is a mistake there, unless it is the key's default.
      if (typeof text !== 'string' || (text.trim() === '' && keys[field].default !== '')) {
        throw new TypeError('expected a text that is not empty');
      }
      parseInto(config, field, { text: text.trim(), context });
    } catch (error) {
      problems.push(`${name}: ${messageOf(error)}`);
    }
  }
  problems.push(...leaveOutBuckets(config));
  if (problems.length > 0) throw badConfig(problems);
  return config;
}

/** This machine and its user, without a base for relative paths. */
function here(): PathContext {
  const { platform } = process;
  return { platform, home: homedir(), base: null, defaults: defaultDirectories(platform, {}, homedir()) };
}

function parseInto<F extends keyof Config>(
  config: Partial<Config>,
  field: F,
  { text, context }: { text: string; context: PathContext },
): void {
  config[field] = keys[field].parse(text || keys[field].default, context);
}

function isWhole(config: Partial<Config>): config is Config {
  return fields.every((field) => field in config);
}

function unknownKeys({ layers }: RawEnv): string[] {
  return layers.flatMap(({ from, values }) =>
    Object.keys(values).flatMap((key) => {
      if (Object.values<string>(environmentKeys).includes(key)) {
        return from === 'environment' ? [] : [`${from}: ${key}: counts in the environment only`];
      }
      if (!key.toUpperCase().startsWith(prefix) || isSetting(key)) return [];
      const reason = reasonAgainst(key);
      return [`${from}: ${key}: ${reason ?? `not a known key; the nearest one is ${nearestSetting(key)}`}`];
    }),
  );
}

/** A word or a path is shown as understood, anything else as written. */
function settingOf(field: keyof Config, given: Given, value: Config[keyof Config] | undefined): Setting {
  const { name, live, default: otherwise } = keys[field];
  const text = typeof value === 'string' ? value : given.text || otherwise;
  const from = given.key === name ? given.from : `${given.from} (${given.key})`;
  return { key: name, value: withoutSecrets(text), from, meaning: keys[field].meaning, live };
}

/** @throws CacheError BAD_CONFIG when values contradict each other. @param settings the origin of each */
export function assertConsistent(config: Config, settings: readonly Setting[]): void {
  const problems = contradictions(config, settings);
  if (problems.length > 0) throw badConfig(problems);
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

/** Takes buckets out of the folders. @returns a line about each of them */
function leaveOutBuckets(config: Partial<Config>): string[] {
  const isBucket = ({ path }: Config['roots'][number]) => path.startsWith('s3://');
  const { roots = [] } = config;
  const lines = roots.filter(isBucket).map(bucketLine);
  if (lines.length > 0) config.roots = roots.filter((root) => !isBucket(root));
  return lines;
}

/** A limit of 200 is meant in GiB. @returns a line about a limit that no model fits under */
function tinyLimit({ limit }: Config): string[] {
  if (limit.kind !== 'bytes' || limit.bytes >= leastLimit) return [];
  const { bytes } = limit;
  return [`${keys.limit.name}: ${bytes} means ${bytes} bytes, which no model fits under; ${bytes}GiB may be meant`];
}

function bucketLine({ path }: { path: string }): string {
  const { roots, remotes } = keys;
  return withoutSecrets(`${roots.name}: ${path} is no folder and has no effect here; write ${remotes.name}=main=${path}`);
}

function badConfig(problems: readonly string[]): CacheError {
  return new CacheError('BAD_CONFIG', 'the configuration cannot be used:', {
    lines: problems,
    hint: '.env.example holds every key with its default',
  });
}
