import { existsSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { type LoadedConfig, loadConfig } from '../config/config.ts';
import { farmKeyFile } from '../config/farm-keys.ts';
import { keys } from '../config/keys.ts';
import { withoutSecrets } from '../config/problems.ts';
import { parseRedis } from '../config/redis-servers.ts';
import { CacheError, toCacheError } from '../core/errors.ts';
import type { RedisServers } from '../core/redis-servers.ts';
import { codeOf, keyOf, makeFarmKey, readFarmKey, storeFarmKey } from '../farm/farm-key.ts';
import { isLoopback, ownAddress } from '../farm/own-address.ts';
import { makeDirectory } from '../runtime/make-directory.ts';
import { saveSettings } from './save-settings.ts';
import type { Session } from './session.ts';

export interface FarmOptions {
  /** The address of the Redis. */
  redis?: string;
  /** The farm's name. */
  name?: string;
}

/** Outcome of `farm init` and `farm join`. */
export interface FarmEntry {
  /** The file with the key. */
  file: string;
  /** False when it existed before. */
  made: boolean;
  /** Admits every host that has it. */
  code: string;
  name: string;
  /** The Redis without a password; null = none is set yet. */
  redis: string | null;
  /** The command for each further host; null without a Redis. */
  join: string | null;
}

/** Makes the key of a farm, or finds the existing one. @throws CacheError BAD_REQUEST */
export async function initFarm(session: Session, options: FarmOptions): Promise<FarmEntry> {
  const before = configOf(session);
  const file = farmKeyFile(before.config);
  assertSettings(options);
  const made = !existsSync(file);
  makeDirectory(dirname(file), keys.farmKey.name, 0o700);
  const key = made ? makeFarmKey(file) : readFarmKey(file);
  return entryOf(session, options, { file, made, key });
}

/** Stores the key of a farm. @throws CacheError BAD_REQUEST for a wrong code, CONFLICT when this host is in another farm */
export async function joinFarm(session: Session, code: string, options: FarmOptions): Promise<FarmEntry> {
  const key = keyOf(code);
  const file = farmKeyFile(configOf(session).config);
  assertSettings(options);
  const made = !existsSync(file) || !readFarmKey(file).equals(key);
  makeDirectory(dirname(file), keys.farmKey.name, 0o700);
  if (made) storeFarmKey(file, key);
  return entryOf(session, options, { file, made, key });
}

/** The things that `farm leave` removes. */
export interface FarmLeaving {
  /** Null = there is no key. */
  file: string | null;
  /** The setting to switch off; null = it is off. */
  redis: string | null;
}

export function leavingOf(session: Session): FarmLeaving {
  const { config, settings } = configOf(session);
  const file = farmKeyFile(config);
  return { file: existsSync(file) ? file : null, redis: config.farm === null ? null : shownRedis(settings) };
}

/** @throws CacheError BAD_REQUEST when the farm is set in a place that counts before the user's file; then nothing has changed */
export function leaveFarm(session: Session, { file, redis }: FarmLeaving): void {
  if (redis !== null) saveSettings({ AUTOCACHE_FARM: 'off' }, configOf(session).settings);
  if (file !== null) rmSync(file, { force: true });
}

async function entryOf(
  session: Session,
  { redis, name }: FarmOptions,
  { file, made, key }: { file: string; made: boolean; key: Buffer },
): Promise<FarmEntry> {
  const values = {
    ...(redis !== undefined && { AUTOCACHE_FARM: redis }),
    ...(name !== undefined && { AUTOCACHE_FARM_NAME: name }),
  };
  saveSettings(values, configOf(session).settings);
  const { config, settings } = configOf(session);
  const code = codeOf(key);
  const shown = config.farm && shownRedis(settings);
  const called = config.farmName === 'default' ? '' : ` --name ${config.farmName}`;
  const others = config.farm && shown && (await addressForOthers(config.farm, shown));
  const join = others && `autocached farm join ${code} --redis '${others}'${called}`;
  return { file, made, code, name: config.farmName, redis: shown, join };
}

function shownRedis(settings: LoadedConfig['settings']): string {
  return settings.find(({ key }) => key === 'AUTOCACHE_FARM')?.value ?? '';
}

/** Other hosts need another address for a Redis on this machine. */
async function addressForOthers({ nodes }: RedisServers, shown: string): Promise<string> {
  const [node] = nodes;
  if (node === undefined || !isLoopback(node.host)) return shown;
  const own = await ownAddress(node);
  return shown.replaceAll(/\blocalhost\b|\b127(?:\.\d+){3}\b|\[::1\]/g, own);
}

function configOf({ cwd, stateFlag }: Session): LoadedConfig {
  return loadConfig({ cwd, flags: stateFlag === undefined ? {} : { AUTOCACHE_STATE: stateFlag } });
}

/** Checks the settings before anything is written. @throws CacheError BAD_REQUEST */
function assertSettings({ redis }: FarmOptions): void {
  if (redis === undefined) return;
  try {
    if (parseRedis(redis) !== null) return;
  } catch (error) {
    throw new CacheError('BAD_REQUEST', `--redis: ${withoutSecrets(toCacheError(error).message)}`);
  }
  throw new CacheError('BAD_REQUEST', '--redis: expected an address such as redis://host:6379');
}
