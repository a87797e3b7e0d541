import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { DaemonFile } from '../api/api.ts';
import { CacheError } from '../core/errors.ts';
import { errnoOf } from '../runtime/errnos.ts';
import { createApp } from './app.ts';
import { hostsOf } from './guard.ts';
import type { Services } from './services.ts';

export interface ListenOptions {
  host: string;
  /** 0 = any free port. */
  port: number;
  /** Directory of the token and daemon.json. */
  stateDir: string;
}

/** The address to dial for a listener on all addresses; Windows cannot dial the one it listens on. */
const dialledAs: Record<string, string | undefined> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/**
 * Serves over HTTP and publishes the address for programs in `daemon.json`, until disposed.
 * @throws CacheError BAD_CONFIG when the address is not available.
 */
export async function listen(
  services: Services,
  { host, port, stateDir }: ListenOptions,
): Promise<AsyncDisposable & { url: string }> {
  const tokenFile = join(stateDir, 'token');
  const hosts = new Set<string>();
  const app = createApp(services, { token: readToken(tokenFile), hosts });
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw new CacheError('BAD_CONFIG', `cannot listen on ${host}:${port} (${errnoOf(error) ?? 'unknown'})`, {
      hint: 'Another program has the port, or the address is not this machine’s: set AUTOCACHE_LISTEN, such as 127.0.0.1:8190.',
      cause: error,
    });
  }
  const { port: bound } = app.server.address() as AddressInfo;
  for (const name of hostsOf(host, bound)) hosts.add(name);
  const name = dialledAs[host] ?? host;
  const url = `http://${name.includes(':') ? `[${name}]` : name}:${bound}`;
  const daemonFile = join(stateDir, 'daemon.json');
  const { version } = services.daemon;
  writePrivately(daemonFile, `${JSON.stringify({ url, pid: process.pid, version, tokenFile } satisfies DaemonFile)}\n`);
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      rmSync(daemonFile, { force: true });
      await app.close();
    },
  };
}

/** The token outlives restarts, so that programs that have read it can continue. */
function readToken(file: string): string {
  const known = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  if (/^[0-9a-f]{64}$/.test(known)) {
    if (process.platform !== 'win32') chmodSync(file, 0o600);
    return known;
  }
  const token = randomBytes(32).toString('hex');
  writePrivately(file, `${token}\n`);
  return token;
}

function writePrivately(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
