import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { DaemonFile } from '../api/api.ts';
import { CacheError, messageOf } from '../core/errors.ts';
import { errnoOf } from '../runtime/errnos.ts';

export interface FoundDaemon extends DaemonFile {
  token: string;
}

export function daemonFilePath(stateDir: string): string {
  return join(stateDir, 'daemon.json');
}

/**
 * The daemon that last wrote its address into the state directory. It may have died since.
 * @throws CacheError `NOT_RUNNING` when there is none, `UNAUTHORIZED` when its token cannot be read.
 */
export async function findDaemon(stateDir: string): Promise<FoundDaemon> {
  const path = daemonFilePath(stateDir);
  const file = parse(await readFile(path, 'utf8').catch((error: unknown) => notRunning(error, path)), path);
  const tokenFile = resolve(stateDir, file.tokenFile);
  try {
    return { ...file, token: (await readFile(tokenFile, 'utf8')).trim() };
  } catch (cause) {
    throw new CacheError('UNAUTHORIZED', `the daemon's token cannot be read: ${messageOf(cause)}`, {
      hint: 'run this command as the user that started the daemon',
      cause,
    });
  }
}

function notRunning(cause: unknown, path: string): never {
  if (errnoOf(cause) === 'ENOENT')
    throw new CacheError('NOT_RUNNING', 'the daemon is not running', { hint: 'autocached start' });
  throw new CacheError('NOT_RUNNING', `${path} cannot be read: ${messageOf(cause)}`, {
    hint: 'run this command as the user that started the daemon',
    cause,
  });
}

function parse(text: string, path: string): DaemonFile {
  try {
    const { url, pid, version, tokenFile } = JSON.parse(text) as Record<string, unknown>;
    if (typeof url === 'string' && URL.canParse(url) && typeof pid === 'number' && typeof tokenFile === 'string') {
      return { url, pid, version: String(version), tokenFile };
    }
  } catch {
    // Not JSON: the same trouble for the caller as JSON with other fields.
  }
  throw new CacheError('NOT_RUNNING', `${path} does not say where the daemon is`, { hint: 'autocached start' });
}
