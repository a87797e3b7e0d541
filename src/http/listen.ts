import { rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { type DaemonFile, type DirectoriesFile, directoriesName } from '../api/daemon-file.ts';
import { CacheError } from '../core/errors.ts';
import { errnoOf } from '../runtime/errnos.ts';
import { hostPort } from '../runtime/host-port.ts';
import { writePrivately } from '../runtime/private-file.ts';
import { setAsideUnless } from '../runtime/set-aside.ts';
import { createApp } from './app.ts';
import { furtherHosts, hostsOf } from './guard.ts';
import type { Services } from './services.ts';
import { tokenOf } from './token.ts';

export interface ListenOptions {
  host: string;
  /** 0 = any free port. */
  port: number;
  /** Whether the next free port above may be taken: the user did not choose this one. */
  orAbove?: boolean;
  /** A port not to take then: that of the farm, which other hosts' firewalls know. */
  except?: number | undefined;
  /** Further names that it answers to; without a port, at its own one. */
  hosts?: readonly string[];
  /** Directory of the token and daemon.json. */
  stateDir: string;
  /** Directories of copies: clients believe no other path. */
  directories: readonly string[];
  /** Whether members of a group may read them. */
  shared?: boolean;
  /** A file whose token stays from run to run; null = a new token. */
  keptToken: string | null;
}

/** Maximum number of ports above the usual one that are tried. */
const mostTried = 100;

/** The address to dial for a listener on all addresses; Windows cannot dial the one it listens on. */
const dialledAs: Record<string, string | undefined> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/**
 * Serves over HTTP and publishes the address for programs in `daemon.json`, until disposed.
 * @throws CacheError BAD_CONFIG when the address is not available, or the kept token cannot be used.
 */
export async function listen(
  services: Services,
  { host, port, orAbove = false, except, hosts: named = [], stateDir, directories, shared = false, keptToken }: ListenOptions,
): Promise<AsyncDisposable & { url: string }> {
  const tokenFile = join(stateDir, 'token');
  const token = tokenOf(keptToken);
  const hosts = new Set<string>();
  const app = createApp(services, { token, hosts });
  await open(app, { host, port, orAbove, except });
  const { port: bound } = app.server.address() as AddressInfo;
  for (const name of [...hostsOf(host, bound), ...furtherHosts(named, bound)]) hosts.add(name);
  const name = dialledAs[host] ?? host;
  const url = `http://${hostPort({ host: name, port: bound })}`;
  const daemonFile = join(stateDir, 'daemon.json');
  const { version } = services.daemon;
  const mode = shared ? 0o640 : 0o600;
  const files: [string, string][] = [
    [tokenFile, token],
    [join(stateDir, directoriesName), JSON.stringify({ directories } satisfies DirectoriesFile)],
    // Last: its readers find the other two complete.
    [daemonFile, JSON.stringify({ url, pid: process.pid, version, tokenFile } satisfies DaemonFile)],
  ];
  try {
    for (const [file, text] of files) {
      setAsideUnless(file, 'file');
      writePrivately(file, `${text}\n`, mode);
    }
  } catch (error) {
    // Without daemon.json no program finds the server, which would keep the process alive.
    await app.close();
    throw error;
  }
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      try {
        rmSync(daemonFile, { force: true });
      } catch {
        // A folder was put in its place: the next start sets it aside.
      }
      await app.close();
    },
  };
}

/** @throws CacheError BAD_CONFIG */
async function open(
  app: FastifyInstance,
  { host, port, orAbove, except }: Pick<ListenOptions, 'host' | 'port' | 'orAbove' | 'except'>,
): Promise<void> {
  for (let above = 0; ; above++) {
    if (orAbove && port + above === except) continue;
    try {
      await app.listen({ host, port: port + above });
      return;
    } catch (error) {
      const errno = errnoOf(error);
      if (orAbove && errno === 'EADDRINUSE' && above < mostTried) continue;
      throw new CacheError('BAD_CONFIG', `cannot listen on ${hostPort({ host, port })} (${errno ?? 'unknown'})`, {
        hint: 'Another program has the port, or the address is not this machine’s: set AUTOCACHE_LISTEN, such as 127.0.0.1:8399.',
        cause: error,
      });
    }
  }
}
