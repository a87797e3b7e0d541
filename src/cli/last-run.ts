import { basename, dirname, isAbsolute } from 'node:path';
import type { ConfigValue } from '../api/api.ts';
import { toCacheError } from '../core/errors.ts';
import { Client } from './client.ts';

/** The running daemon, with the facts for starting it again in the same way. */
export interface LastRun {
  client: Client;
  /** The settings of its command line. */
  flags: Record<string, string>;
  /** Directory of its .env file, when that is not the state directory: the new daemon must find the same file. */
  cwd: string | undefined;
}

/** Null when none runs. */
export async function lastRun(stateDir: string): Promise<LastRun | null> {
  try {
    const client = await Client.find(stateDir);
    const settings = configured((await client.config()).settings);
    const flags = Object.fromEntries(settings.flatMap(({ key, value, from }) => (from === 'flag' ? [[key, value]] : [])));
    const files = settings.filter(({ from }) => isAbsolute(from) && /^\.env\b/.test(basename(from)));
    return { client, flags, cwd: files.map(({ from }) => dirname(from)).find((directory) => directory !== stateDir) };
  } catch (error) {
    if (toCacheError(error).code === 'NOT_RUNNING') return null;
    throw error;
  }
}

/** The settings before any change at runtime, which the catalog keeps. */
function configured(settings: ConfigValue[]): { key: string; value: string; from: string }[] {
  return settings.map((setting) => ({ key: setting.key, ...(setting.configured ?? setting) }));
}
