import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Catalog } from '../catalog/catalog.ts';
import type { LoadedConfig } from '../config/config.ts';
import { farmKeyFile } from '../config/farm-keys.ts';
import type { Config } from '../config/types.ts';
import { DemandTable } from '../farm/demand-table.ts';
import { Farm } from '../farm/farm.ts';
import { FarmCounts } from '../farm/farm-counts.ts';
import { FarmDemand } from '../farm/farm-demand.ts';
import { readFarmKey } from '../farm/farm-key.ts';
import { HostWarming } from '../farm/host-warming.ts';
import { Membership } from '../farm/membership.ts';
import { ownUrl } from '../farm/own-address.ts';
import { ownVersions } from '../farm/peer-wire.ts';
import { RedisDirectory } from '../farm/redis-directory.ts';
import { Traffic, type TrafficParts } from '../farm/traffic.ts';
import { RedisLink } from '../redis/link.ts';
import { version } from '../runtime/package.ts';
import type { Warmer } from '../usage/warmer.ts';
import type { Context } from './context.ts';

/** Everything that a host needs to take part in a farm. */
export interface FarmLink {
  /** The farm's name, and this host's. */
  name: string;
  host: string;
  /** The secret of the farm. */
  key: Buffer;
  redis: RedisLink;
  directory: RedisDirectory;
  counts: FarmCounts;
  /** URL at which others reach a listener on this port, from the settings or found out. */
  urlOf(port: number): Promise<string>;
}

/** @returns null when the farm is off @throws CacheError BAD_CONFIG without the key of the farm */
export function openFarmLink(config: Config, catalog: Pick<Catalog, 'settings'>, { log, opened }: Context): FarmLink | null {
  const { farm: servers, farmName: name, farmListen, farmUrl } = config;
  if (servers === null) return null;
  const key = readFarmKey(farmKeyFile(config));
  const redis = new RedisLink({ servers, log, purpose: 'the farm' });
  opened.defer(() => redis[Symbol.asyncDispose]());
  const [node = { host: '127.0.0.1', port: 0 }] = servers.nodes;
  const urlOf = async (port: number) => farmUrl ?? ownUrl({ host: farmListen?.host ?? '0.0.0.0', port }, node);
  const directory = new RedisDirectory(redis, name);
  return { name, host: hostNameIn(catalog, config), key, redis, directory, counts: new FarmCounts(), urlOf };
}

/** The traffic of this host in the farm, which gives from here on. @throws CacheError BAD_CONFIG when its address cannot be had */
export async function openTraffic(
  { name: farm, host, counts, urlOf }: FarmLink,
  { config, environment }: LoadedConfig,
  {
    opened,
    settings,
    ...parts
  }: Context & Pick<TrafficParts, 'catalog' | 'tier' | 'speedOf'> & { settings: { readonly current: Config } },
): Promise<Traffic> {
  const { farm: servers, farmListen: listen, farmOriginReads: slots, farmTrust: trust, farmSmall } = config;
  if (servers === null) throw new Error('there is no farm');
  const place = { servers, farm, host, keyFile: farmKeyFile(config) };
  const upload = () => settings.current.farmUpload;
  const keep = () => settings.current.farmKeep;
  const traffic = new Traffic({
    ...{ ...parts, place, slots, trust, listen, urlOf, upload, keep, environment, counts },
    small: farmSmall ?? 0,
  });
  opened.defer(() => traffic[Symbol.dispose]());
  await traffic.begin();
  return traffic;
}

/** Maximum time of copies that other hosts ask for, ms. */
const longestErrandMs = 6 * 3_600_000;

interface Joining extends Context {
  traffic: Traffic;
  catalog: Pick<Catalog, 'entries' | 'settings'>;
  warmer: Pick<Warmer, 'warm'>;
  /** Maximum bytes of its copies, and maximum wait for copies, ms. */
  options: { limit(): number; readonly waitMaxMs: number };
}

/** Takes this host into the farm, until the daemon closes. */
export function joinFarm(link: FarmLink, { traffic, catalog, warmer, options, clock, events, log, opened }: Joining): Farm {
  const { host, directory, counts } = link;
  const self = () => ({ host, url: traffic.url, version, wire: ownVersions, weight: options.limit(), ...counts.figures });
  const onLetters = (letters: readonly string[]) => warming.received(letters);
  const onTwin = () => catalog.settings.forget(nameKey);
  const membership = new Membership({ directory, self, onLetters, onTwin, events, log });
  opened.defer(() => membership[Symbol.asyncDispose]());
  const warm = (names: string[], check: boolean) => warmer.warm({ names, check, wait: !check }, [], longestErrandMs);
  const holdersOf = async (path: string) => {
    const { chunks, hosts } = await farm.locate(path);
    return hosts.filter(({ has }) => has === chunks).map((one) => one.host);
  };
  const warming = new HostWarming({ ...link, members: membership, holdersOf, warm, waitMaxMs: () => options.waitMaxMs, log });
  const farm = new Farm({ ...link, link: link.redis, membership, traffic, warming });
  traffic.hosts = () => membership.hosts;
  const others = () => membership.hosts.filter((one) => one.host !== host).length;
  const demand = new FarmDemand({ table: new DemandTable(link.redis, link.name), others, now: () => clock.now(), log });
  opened.defer(() => demand[Symbol.asyncDispose]());
  catalog.entries.farm = demand;
  demand.begin();
  membership.begin();
  return farm;
}

const nameKey = 'farm-host';

/**
 * This host's name in all farms, kept over restarts: the machine's name, and digits that distinguish two of its daemons. A state directory
 * that was copied to another place or machine, as with a template of a virtual machine, is another host.
 */
function hostNameIn({ settings }: Pick<Catalog, 'settings'>, { stateDir }: Pick<Config, 'stateDir'>): string {
  const place = `${hostname()} ${stateDir}`;
  const kept = settings.get(nameKey, place);
  if (kept !== undefined) return kept;
  const name = `${hostname().split('.')[0]}-${randomBytes(2).toString('hex')}`;
  settings.set(nameKey, name, place);
  return name;
}
