import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { farmKeyFile } from '../../config/farm-keys.ts';
import type { Config } from '../../config/types.ts';
import { sentenceOf } from '../../core/errors.ts';
import { readFarmKey } from '../../farm/farm-key.ts';
import { isLoopback, ownUrl } from '../../farm/own-address.ts';
import { PeerClient } from '../../farm/peer-client.ts';
import { RedisDirectory } from '../../farm/redis-directory.ts';
import { connectRedis } from '../../redis/connection.ts';
import { troubleOf } from '../../redis/trouble.ts';
import { within } from '../../runtime/deadline.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** Timeout of all checks, ms. */
const deadlineMs = 10_000;
/** Maximum difference of clocks, ms: hosts do not compare them, but people compare their logs. */
const mostSkewMs = 60_000;
/** Fails on a Redis that is full or a replica: it answers, but takes no announcements. */
const timeScript = `local moment = redis.call('TIME')
redis.call('SET', KEYS[1], moment[1], 'PX', 1000)
return moment[1] * 1000 + math.floor(moment[2] / 1000)`;

/** Maximum number of hosts that are asked. */
const mostAsked = 20;

/** Whether a host can take part in its farm: its key, the Redis, the clock, the path to its own listener, and to the others. */
export async function farmFindings(config: Config): Promise<Finding[]> {
  if (config.farm === null) return [];
  const keyFound = keyFinding(config);
  const redis = await within(redisFindings(config.farm, config.farmName), deadlineMs, [silent()]);
  if (keyFound.verdict !== 'ok') return [keyFound, ...redis];
  const listener = await within(listenerFinding(config), deadlineMs, unreached(config, ''));
  const others = await within(othersFindings(config, config.farm), deadlineMs, []);
  return [keyFound, ...redis, listener, ...others];
}

function keyFinding(config: Config): Finding {
  const file = farmKeyFile(config);
  const todo = 'autocached farm init makes a key, autocached farm join CODE stores that of a farm';
  try {
    readFarmKey(file);
    const others = process.platform === 'win32' ? 0 : statSync(file).mode & 0o077;
    if (others !== 0) return fail('farm', `${file} can be read by other users`, `chmod 600 '${file}'`);
    return ok('farm', `the key of the farm is in ${file}, readable by this user only`);
  } catch (error) {
    return fail('farm', sentenceOf(error), todo);
  }
}

async function redisFindings(servers: NonNullable<Config['farm']>, farm: string): Promise<Finding[]> {
  try {
    const { commands, close } = await connectRedis(servers, () => {});
    try {
      const began = Date.now();
      const told = Number(await commands.eval(timeScript, [`ac:1:${farm}:doctor`], []));
      const skewMs = Math.abs(told - (began + Date.now()) / 2);
      const says = `the Redis of the farm answers within ${Date.now() - began} ms`;
      if (!(skewMs > mostSkewMs)) return [ok('farm', says)];
      const minutes = Math.round(skewMs / 60_000);
      return [
        ok('farm', says),
        warn('farm', `its clock and this machine's are ${minutes} minutes apart`, 'set the clocks, for example with NTP'),
      ];
    } finally {
      close();
    }
  } catch (error) {
    const { message, isRefusal } = troubleOf(error);
    return [
      silent(message, isRefusal ? 'look at its password and ACL, its maxmemory, and whether it is a replica' : undefined),
    ];
  }
}

const unreachable = 'check AUTOCACHE_FARM, and that the server listens on an address that all hosts reach';

function silent(why = 'no answer in time', todo = unreachable): Finding {
  return fail('farm', `the Redis of the farm cannot be asked: ${why}; origins are read without the farm`, todo);
}

/** Asks the own listener at the address that the others use. */
async function listenerFinding(config: Config): Promise<Finding> {
  const { farmListen, farmUrl, farm } = config;
  if (farmListen === null) return ok('farm', 'this host takes from others and gives nothing (AUTOCACHE_FARM_LISTEN=off)');
  const url = farmUrl ?? (await ownUrl(farmListen, farm?.nodes[0] ?? { host: '127.0.0.1', port: 0 }));
  if (isLoopback(new URL(url).hostname)) {
    return warn('farm', `other hosts cannot reach ${url}`, 'set AUTOCACHE_FARM_LISTEN to 0.0.0.0:8390, or AUTOCACHE_FARM_URL');
  }
  if (farmUrl === null && farmListen.port === 0)
    return ok('farm', 'the system chooses the port at which others reach this host; `autocached farm status` shows it');
  using client = new PeerClient({ host: 'doctor', key: readFarmKey(farmKeyFile(config)) });
  const hello = await client.hello(url);
  if (hello !== null) return ok('farm', `others reach this host at ${url}; a firewall between them may still be in the way`);
  return unreached(config, url, await isOpen(url));
}

/** Asks the hosts of the farm as a copy does, this one included. */
async function othersFindings(config: Config, servers: NonNullable<Config['farm']>): Promise<Finding[]> {
  const connection = await connectRedis(servers, () => {}).catch(() => null);
  // Another finding reports that.
  if (connection === null) return [];
  using client = new PeerClient({ host: 'doctor', key: readFarmKey(farmKeyFile(config)) });
  try {
    const hosts = await new RedisDirectory({ ask: (question) => question(connection.commands) }, config.farmName).hosts();
    const givers = hosts.flatMap(({ host, url }) => (url === null ? [] : [{ host, url }])).slice(0, mostAsked);
    const mute = await Promise.all(
      givers.map(async ({ host, url }) => {
        if ((await client.hello(url)) !== null) return [];
        return (await isOpen(url))
          ? [
              warn(
                'farm',
                `${host} at ${url} has another key than this host`,
                'give all hosts one key: autocached farm join CODE',
              ),
            ]
          : [
              warn(
                'farm',
                `${host} does not answer this host at ${url}`,
                'open that port to this host, or set its AUTOCACHE_FARM_URL',
              ),
            ];
      }),
    );
    const answering = mute.filter((findings) => findings.length === 0).length;
    return [...(answering > 0 ? [ok('farm', `${answering} of ${givers.length} hosts answer this one`)] : []), ...mute.flat()];
  } catch {
    return [];
  } finally {
    connection.close();
  }
}

function unreached({ farmUrl }: Config, url: string, isTaken = false): Finding {
  const says = `nobody answers at ${url}, where others look for this host`;
  if (isTaken) return fail('farm', `${says} with the key of the farm`, 'check the port, and that all hosts have one key');
  const todo =
    farmUrl === null
      ? 'start the daemon; open the port in the firewall; in a container set AUTOCACHE_FARM_URL'
      : 'check AUTOCACHE_FARM_URL';
  return warn('farm', says, todo);
}

function isOpen(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 443), timeout: 1000 });
    const end = (isTaken: boolean) => {
      socket.destroy();
      resolve(isTaken);
    };
    socket
      .once('connect', () => end(true))
      .once('error', () => end(false))
      .once('timeout', () => end(false));
  });
}
