import { CacheError } from '../core/errors.ts';
import type { RedisServers } from '../core/redis-servers.ts';

/** TLS, kind, user and password, servers, path. */
const form = /^(?:redis|valkey)(s?)(?:\+(cluster|sentinel))?:\/\/(?:([^/\s]*)@)?([^/\s@?#]+)\/?([\w./-]*)$/i;
const hostForm = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/i;
/** Separator of addresses that each begin with a scheme. */
const separator = /,(?=(?:redis|valkey)s?:\/\/)/i;
const usualPorts = { single: 6379, cluster: 6379, sentinel: 26_379 };

/**
 * `redis://user:password@host:6379/0`, `rediss://` with TLS, `redis+cluster://a:7001,b:7002`, `redis+sentinel://a,b,c/name/0`. Several
 * addresses separated by commas are a cluster. Null for an empty text.
 * @throws CacheError BAD_REQUEST, without the text: it may hold a password
 */
export function parseRedis(text: string): RedisServers | null {
  if (text === '') return null;
  const all = text.split(separator).map(parseOne);
  const [first = unusable('no address'), ...others] = all;
  if (others.length === 0) return first;
  const rights = ({ tls, username, password }: RedisServers) => JSON.stringify([tls, username, password]);
  if (others.some((one) => rights(one) !== rights(first))) unusable('the servers of a cluster have one user and one password');
  return checked({ ...first, kind: 'cluster', nodes: all.flatMap(({ nodes }) => nodes) });
}

function parseOne(text: string): RedisServers {
  const [, tls, word, rights, hosts, path = ''] = form.exec(text) ?? [];
  if (hosts === undefined) return unusable('no address of a Redis');
  // As `config`, `status` and `farm init` show an address.
  if (rights === '***') return unusable('put the user and password of the Redis in the place of ***');
  const kind = (word?.toLowerCase() ?? (hosts.includes(',') ? 'cluster' : 'single')) as RedisServers['kind'];
  const nodes = hosts.split(',').map((host) => nodeOf(host, usualPorts[kind]));
  const [username = null, password = null] = credentialsOf(rights);
  const [master = '', number = ''] = kind === 'sentinel' ? path.split('/') : ['', path];
  if (!/^\d{0,4}$/.test(number)) unusable('what follows the servers is no number of a database');
  return checked({ kind, nodes, tls: tls !== '', username, password, database: Number(number), master });
}

function checked(servers: RedisServers): RedisServers {
  const { kind, master, database } = servers;
  if (kind === 'sentinel' && master === '') unusable('the name of the server that the sentinels watch is missing');
  if (kind === 'cluster' && database > 0) unusable('a cluster has no numbered databases');
  return servers;
}

function nodeOf(text: string, usualPort: number): { host: string; port: number } {
  const [, six, name = '', port = String(usualPort)] = hostForm.exec(text) ?? [];
  const host = six ?? name;
  if (host === '' || Number(port) === 0 || Number(port) > 65_535) unusable('not all servers are host:port');
  return { host, port: Number(port) };
}

/** `user:password`, `:password`; each percent-encoded. */
function credentialsOf(text: string | undefined): (string | null)[] {
  if (text === undefined) return [];
  try {
    const [username = '', password = ''] = text.split(/:(.*)/s).map(decodeURIComponent);
    return [username || null, password || null];
  } catch {
    return unusable('user and password are not percent-encoded');
  }
}

function unusable(why: string): never {
  throw new CacheError('BAD_REQUEST', `expected an address such as redis://user:password@host:6379; ${why}`);
}
