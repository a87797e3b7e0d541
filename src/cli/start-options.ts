import { type Command, Option } from 'commander';
import { isSetting, unknownSetting } from '../config/unknown-setting.ts';
import { CacheError } from '../core/errors.ts';
import { type Mode, modes } from '../core/types.ts';
import { collect } from './options.ts';

/** The options of `start` and `restart`: settings that override .env and the environment. */
export interface StartOptions {
  dir?: string;
  limit?: string;
  roots?: string;
  mode?: Mode;
  listen?: string;
  set?: string[];
}

export function withStartOptions(command: Command): Command {
  return command
    .option('--dir <dir>', 'cache directory on the SSD (AUTOCACHE_DIR)')
    .option('--limit <amount>', 'most bytes it may hold, such as 200GiB or 80% (AUTOCACHE_LIMIT)')
    .option('--roots <dirs>', 'model folders, separated by ; (AUTOCACHE_ROOTS)')
    .addOption(new Option('--mode <mode>', 'AUTOCACHE_MODE').choices(modes))
    .option('--listen <host:port>', 'address (AUTOCACHE_LISTEN)')
    .option('--set <key=value>', 'any other setting; repeatable', collect);
}

/** @throws CacheError BAD_REQUEST for a `--set` that is not KEY=VALUE, or has an unknown key. */
export function flagsOf({ set = [], ...options }: StartOptions, stateDir: string | undefined): Record<string, string> {
  const flags = Object.fromEntries(set.map(keyAndValue));
  const { dir, limit, roots, mode, listen } = options;
  const named = { DIR: dir, LIMIT: limit, ROOTS: roots, MODE: mode, LISTEN: listen, STATE: stateDir };
  for (const [name, value] of Object.entries(named)) {
    if (value !== undefined) flags[`AUTOCACHE_${name}`] = value;
  }
  return flags;
}

function keyAndValue(word: string): [string, string] {
  const [, key, value = ''] = /^(\w+)=(.*)$/s.exec(word) ?? [];
  // Keys of Arena AutoCache are understood too.
  if (key && (isSetting(key) || key.startsWith('ARENA_'))) return [key, value];
  if (key) throw unknownSetting(key);
  throw new CacheError('BAD_REQUEST', `--set ${word}: expected KEY=VALUE`, { hint: 'for example --set AUTOCACHE_JOBS=4' });
}
