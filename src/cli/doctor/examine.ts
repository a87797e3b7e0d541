import { createServer } from 'node:net';
import { totalmem } from 'node:os';
import type { StatsAnswer } from '../../api/stats.ts';
import { findDaemon } from '../../client/daemon-file.ts';
import { boundOf } from '../../config/bound.ts';
import { isDefault, loadConfig } from '../../config/config.ts';
import type { Config } from '../../config/types.ts';
import { parseUrl } from '../../config/values.ts';
import { CacheError, messageOf } from '../../core/errors.ts';
import { detectMedium, isNetwork } from '../../media/medium.ts';
import { volumesRead } from '../../media/read-volumes.ts';
import { volumeOf } from '../../media/volume-of.ts';
import { hostPort } from '../../runtime/host-port.ts';
import { version } from '../../runtime/package.ts';
import { Client } from '../client.ts';
import { comfyuiVersion } from '../comfyui-dir.ts';
import { shimStatus } from '../comfyui-link.ts';
import { type CacheFacts, cacheFindings } from './cache-checks.ts';
import { coldFindings } from './cold-checks.ts';
import { comfyuiFindings } from './comfyui-checks.ts';
import { askComfyui } from './comfyui-server.ts';
import { configuredRoots } from './configured-roots.ts';
import { type DaemonFacts, daemonFindings } from './daemon-checks.ts';
import { isFastNvme } from './fast-nvme.ts';
import { findComfyui, usualUrl } from './find-comfyui.ts';
import type { Finding } from './finding.ts';
import { llmFindings } from './llm-checks.ts';
import { askLlm } from './llm-server.ts';
import { type KnownRoot, lookAtSources } from './look-at-sources.ts';
import { nodePackFindings, readNodePacks } from './node-packs.ts';
import { shimFindings } from './shim-checks.ts';
import { sourceFindings } from './source-checks.ts';
import { tryCache } from './try-cache.ts';

export interface ExamineOptions {
  cwd: string;
  stateDir: string;
  flags: Record<string, string>;
  /** Directories of ComfyUI. @throws CacheError BAD_REQUEST when one is none */
  dirs: string[];
  /** Address of ComfyUI; null = as configured, or its default. */
  url: string | null;
}

/** All findings of `doctor`, with or without the daemon. Takes some seconds; writes 32 MiB to the cache directory, removes them. */
export async function examine({ cwd, stateDir, flags, dirs, url }: ExamineOptions): Promise<Finding[]> {
  const { config, listen, problem } = readConfig(cwd, flags);
  const daemon = await lookAtDaemon(stateDir, listen);
  const { stats } = daemon;
  const said = url ?? config?.comfyuiUrl ?? null;
  const [running] = await Promise.all([askComfyui(said ?? usualUrl), volumesRead()]);
  const found = await findComfyui({ named: [...dirs, ...(config?.comfyui ?? [])], running, roots: stats?.roots ?? [] });
  const cacheDir = stats?.dir ?? config?.dir;
  const cache = cacheDir === undefined ? null : await lookAtCache(cacheDir, config, stats);
  const known = stats ? { roots: rootsOf(stats), findings: [] } : await configuredRoots(config, found);
  const sources = await lookAtSources(known.roots);
  const packs = (await Promise.all(found.map((dir) => readNodePacks(`${dir}/custom_nodes`)))).flat();
  const shims = found.map(async (dir) => ({ dir, status: await shimStatus(dir).catch(messageOf) }));
  return [
    ...daemonFindings({ ...daemon, configProblem: problem, version }),
    ...(cache ? cacheFindings(cache) : []),
    ...(stats ? await coldOf(stateDir) : []),
    ...known.findings,
    ...sourceFindings(sources, { device: cache?.medium.device ?? null, speeds: speedsOf(cache) }),
    ...comfyuiFindings({
      running,
      silentUrl: running ? null : said,
      dirs: await Promise.all(found.map(async (dir) => ({ dir, version: await comfyuiVersion(dir) }))),
      ramBytes: totalmem(),
      fast: {
        cache: isFastNvme(cache?.medium.device ?? null),
        sources: sources.map(({ device }) => isFastNvme(device)),
      },
    }),
    ...shimFindings({ shims: await Promise.all(shims), running, stateDir, daemonVersion: stats?.version ?? null }),
    ...nodePackFindings(packs),
    ...(await remotesOf(config)),
    ...(await farmOf(config)),
    ...(await sharedOf(config)),
    ...(config?.llmUrl ? llmFindings(config.llmUrl, await askLlm(config.llmUrl)) : []),
  ];
}

/** None from a daemon of another version that has no such route. */
async function coldOf(stateDir: string): Promise<Finding[]> {
  const misses = await Client.find(stateDir)
    .then((client) => client.misses())
    .catch(() => null);
  return misses ? coldFindings(misses) : [];
}

/** The code that reads remotes is loaded only if there are some. */
async function remotesOf(config: Config | null): Promise<Finding[]> {
  if (!config || config.remotes.length === 0) return [];
  const { remoteFindings } = await import('./remote-checks.ts');
  return (await Promise.all(config.remotes.map((remote) => remoteFindings(remote)))).flat();
}

/** The code for Redis and other hosts is loaded only with a farm. */
async function farmOf(config: Config | null): Promise<Finding[]> {
  if (!config?.farm) return [];
  const { farmFindings } = await import('./farm-checks.ts');
  return farmFindings(config);
}

async function sharedOf(config: Config | null): Promise<Finding[]> {
  if (!config?.shared) return [];
  const { sharedFindings } = await import('./shared-checks.ts');
  return sharedFindings(config.shared);
}

/** @throws CacheError BAD_REQUEST */
export function parseAddress(text: string): string {
  const url = parseUrl(text);
  if (url !== null) return url;
  throw new CacheError('BAD_REQUEST', 'expected an address such as http://127.0.0.1:8188');
}

interface ReadConfig {
  config: Config | null;
  /** Null when no setting names it: any other port will do. */
  listen: Config['listen'] | null;
  problem: string | null;
}

function readConfig(cwd: string, flags: Record<string, string>): ReadConfig {
  try {
    const loaded = loadConfig({ cwd, flags });
    const { config } = loaded;
    return { config, listen: isDefault('listen', loaded) ? null : config.listen, problem: null };
  } catch (error) {
    return { config: null, listen: null, problem: messageOf(error) };
  }
}

async function lookAtDaemon(
  stateDir: string,
  named: ReadConfig['listen'],
): Promise<Omit<DaemonFacts, 'configProblem' | 'version'>> {
  const announced = isAnnounced(stateDir);
  try {
    const stats = await (await Client.find(stateDir)).stats();
    return { stats, problem: null, announced, listen: null };
  } catch (error) {
    const listen = named && { address: hostPort(named), taken: await isTaken(named) };
    return { stats: null, problem: messageOf(error), announced, listen };
  }
}

function isAnnounced(stateDir: string): boolean {
  try {
    findDaemon(stateDir);
    return true;
  } catch {
    return false;
  }
}

function isTaken({ host, port }: Config['listen']): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(true));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(false)));
  });
}

async function lookAtCache(dir: string, config: Config | null, stats: StatsAnswer | null): Promise<CacheFacts> {
  const medium = await detectMedium(dir);
  const tier = stats?.tiers.find(({ tier: name }) => name === 'ssd') ?? null;
  const orphans = stats?.orphans ?? [];
  if (isNetwork(medium.kind)) return { dir, medium, trial: { is: 'untouched' }, free: null, floor: 0, tier, orphans };
  const volume = await volumeOf(dir);
  const free = volume && volume.bavail * volume.bsize;
  const bound = config && volume && boundOf(config, { size: volume.blocks * volume.bsize, free: free ?? 0, used: 0 });
  return { dir, medium, trial: await tryCache(dir), free, floor: tier?.floor ?? bound?.floor ?? 0, tier, orphans };
}

function speedsOf(cache: CacheFacts | null) {
  return cache?.trial.is === 'done' ? cache.trial.speeds : null;
}

function rootsOf({ roots }: StatsAnswer): KnownRoot[] {
  return roots.map(({ path, kind, kindFrom, health, why, origin }) => ({
    path,
    kind: kindFrom === 'configured' ? kind : null,
    health,
    why,
    optional: origin === 'comfyui' && health !== 'away',
  }));
}
