import { homedir } from 'node:os';
import { parse } from 'dotenv';
import { messageOf, troubleOf } from '../core/errors.ts';
import { errnoOf, meaningOf } from '../runtime/errnos.ts';
import { groupId } from '../runtime/group.ts';
import { writtenByOthers } from '../runtime/private-file.ts';
import { readSmallFileSync } from '../runtime/small-file.ts';
import { decodeUtf8 } from '../runtime/utf8.ts';
import { defaultDirectories, userConfigFile } from './directories.ts';
import { keys } from './keys.ts';
import { type PathContext, parsePath, pathsOf } from './paths.ts';
import { parseRemote, type Remote } from './remote.ts';

/** Sources of the configuration; by default those of this process. */
export interface LoadOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Flags by full key, such as `AUTOCACHE_DIR`. */
  flags?: Record<string, string>;
  platform?: NodeJS.Platform;
  home?: string;
}

/** The keys, ours and Arena AutoCache's, set in one place. */
export interface Layer {
  /** `environment`, `flag`, or the path of the .env file. */
  from: string;
  /** Base of relative paths. */
  base: string;
  values: Record<string, string>;
}

export interface RawEnv {
  /** A later layer wins over an earlier one. */
  layers: Layer[];
  context: Omit<PathContext, 'base'>;
  cwd: string;
  environment: NodeJS.ProcessEnv;
  /** The files looked for, lowest precedence first. */
  files: string[];
  /** One line each. */
  problems: string[];
}

/** A value as written, and its origin. */
export interface Given {
  key: string;
  text: string;
  from: string;
  base: string;
}

/**
 * Reads the layers of the configuration: config.env in the user's configuration directory, the .env file in the state directory,
 * the one in the working directory, the environment, the flags.
 */
export function readEnv(options: LoadOptions = {}): RawEnv {
  const { env = process.env, cwd = process.cwd(), flags = {}, platform = process.platform } = options;
  const paths = pathsOf(platform);
  const home = paths.resolve(cwd, options.home ?? homedir());
  const context = { platform, home, defaults: defaultDirectories(platform, env, home) };
  const problems: string[] = [];

  const environment = { from: 'environment', base: cwd, values: unquoted(platform === 'win32' ? upperCased(env) : env) };
  const user = readFile(userConfigFile(platform, env, home));
  const inCwd = readFile(paths.join(cwd, '.env'));
  const files = [user, inCwd];
  const others = [environment, { from: 'flag', base: cwd, values: ours(flags) }];
  const stateDir = stateDirectory([...files, ...others], context);
  if (paths.relative(stateDir, cwd) !== '') {
    const file = readFile(paths.join(stateDir, '.env'));
    files.splice(1, 0, file);
    if (file.values[keys.stateDir.name] && stateDirectory([file], context) !== stateDir) {
      problems.push(
        `${file.from}: ${keys.stateDir.name}: this file is found by it and cannot set it; set it in the environment`,
      );
    }
  }
  const layers = [...files, ...others];
  return { layers, context, cwd, environment: env, files: files.map(({ from }) => from), problems };

  function readFile(path: string): Layer {
    const read = readDotenv(path);
    problems.push(...read.problems.map((problem) => `${path}: ${problem}`));
    return { from: path, base: paths.dirname(path), values: ours(read.values) };
  }
}

/** The settings file for all daemons of this user; it need not be there. */
export function userConfigPath(env: NodeJS.ProcessEnv = process.env): string {
  return userConfigFile(process.platform, env, homedir());
}

/** The state directory named by the user's files and the environment: programs find the daemon there. */
export function stateDirFromEnvironment(options: LoadOptions = {}): string {
  return stateFromEnvironment(options).dir;
}

/** The same with its origin (a file or `environment`; null = the default directory applies), and the default directory. */
export function stateFromEnvironment(options: LoadOptions = {}): { dir: string; from: string | null; usual: string } {
  const raw = readEnv(options);
  const dir = stateDirectory(raw.layers, raw.context);
  const usual = raw.context.defaults.state;
  return { dir, usual, from: dir === usual ? null : (effective(raw.layers).get(keys.stateDir.name)?.from ?? null) };
}

/** The keys that only this environment and the .env file of this directory set: a daemon that starts elsewhere does not see them. */
export function settingsOnlyHere(options: LoadOptions, stateDir: string): Given[] {
  const { layers, cwd, context } = readEnv(options);
  const paths = pathsOf(context.platform);
  const here = ['environment', ...(paths.relative(stateDir, cwd) === '' ? [] : [paths.join(cwd, '.env')])];
  return [...effective(layers).values()].filter(({ key, from }) => here.includes(from) && key !== keys.stateDir.name);
}

/** The daemon that the environment names. @throws CacheError BAD_CONFIG */
export function remoteFromEnvironment(env: NodeJS.ProcessEnv = process.env): Remote {
  return parseRemote(unquoted(env));
}

/**
 * The group with which another user's daemon is shared, null = none. Only the environment can set it: this user must mean it.
 * @throws CacheError BAD_CONFIG when there is no such group
 */
export function groupFromEnvironment(env: NodeJS.ProcessEnv = process.env): number | null {
  const given = unquoted(env)[keys.group.name];
  return given ? groupId(given) : null;
}

/** All set keys, each from the last layer that sets it. */
export function effective(layers: readonly Layer[]): Map<string, Given> {
  const given = new Map<string, Given>();
  for (const { from, base, values } of layers) {
    for (const [key, text] of Object.entries(values)) given.set(key, { key, text, from, base });
  }
  return given;
}

/** The state directory named by the layers. A bad path is reported when all keys are parsed. */
function stateDirectory(layers: Layer[], context: Omit<PathContext, 'base'>): string {
  const given = effective(layers).get(keys.stateDir.name);
  try {
    if (given?.text) return parsePath(given.text, { ...context, base: given.base });
  } catch {}
  return context.defaults.state;
}

/** Maximum size of a settings file, far above that of all keys, bytes. */
const mostBytes = 256 * 1024;

function readDotenv(path: string): { values: Record<string, string>; problems: string[] } {
  let bytes: Buffer;
  try {
    bytes = readSmallFileSync(path, mostBytes);
  } catch (error) {
    // A directory named .env is a Python environment.
    if (meaningOf(error) === 'missing' || errnoOf(error) === 'EISDIR') return { values: {}, problems: [] };
    return { values: {}, problems: [`cannot be read: ${[errnoOf(error) ?? [], troubleOf(error)].flat().join(': ')}`] };
  }
  const stranger = writtenByOthers(path);
  if (stranger !== null) {
    const problem = `is not taken: it ${stranger}; make it a file of yours that nobody else can write to`;
    return { values: {}, problems: [problem] };
  }
  let text: string;
  try {
    text = decodeUtf8(bytes, path);
  } catch (error) {
    return { values: {}, problems: [messageOf(error).slice(path.length + 1)] };
  }
  // Each blank line costs the parser a look at all that follow it.
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const values = parse(lines.join('\n'));
  return { values, problems: [...misreadLines(text, values), ...brokenLines(values)] };
}

/** Lines with keys of ours that the .env format silently skips or cuts short. */
function misreadLines(text: string, values: Record<string, string>): string[] {
  return text.split(/\r\n?|\n/).flatMap((line) => {
    const [, key = '', rest = ''] = /^\s*(?:export\s+)?((?:AUTOCACHE|ARENA)_[\w.-]*)(.*)$/i.exec(line) ?? [];
    if (key !== '' && values[key] === undefined) return [`${key}: expected ${key}=value on the line`];
    if (/^\s*=\s*[^\s'"`#][^#]*[^\s#]#/.test(rest)) return [`${key}: "#" starts a comment; put the value in single quotes`];
    return [];
  });
}

function brokenLines(values: Record<string, string>): string[] {
  const broken = Object.entries(ours(values)).filter(([, text]) => /[\r\n]/.test(text));
  return broken.map(
    ([key]) =>
      `${key}: holds a line break, which \\n and \\r mean in double quotes; use single quotes, or none, for a Windows path`,
  );
}

function ours(values: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(values).filter(([key, text]) => /^(?:AUTOCACHE|ARENA)_/i.test(key) && text !== undefined);
  return Object.fromEntries(entries.map(([key, text = '']) => [key, text.trim()]));
}

/** Without quotes around a whole value: `set` of Windows and `docker --env-file` leave them on. */
function unquoted(env: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(ours(env));
  return Object.fromEntries(
    entries.map(([key, text]) => [key, /^(["'])(?:(?!\1).)*\1$/.test(text) ? text.slice(1, -1).trim() : text]),
  );
}

/** On Windows, names of environment variables have no case. */
function upperCased(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).map(([key, text]) => [key.toUpperCase(), text]));
}
