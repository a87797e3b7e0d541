import { join } from 'node:path';
import { farmTrusts } from '../core/farm.ts';
import type { Medium } from '../core/types.ts';
import { expected, parseRate, parseSize } from '../core/units.ts';
import type { Key } from './key.ts';
import { parsePath } from './paths.ts';
import { parseRedis } from './redis-servers.ts';
import { parseSharedStore } from './shared-store.ts';
import type { Config } from './types.ts';
import { choiceOf, moreThanZero, parseListen, perSource, wholeNumber } from './values.ts';

type FarmField = Extract<keyof Config, `farm${string}` | 'shared'>;

/** Default number of chunks that a whole farm reads at once from one origin: a hard disk seeks, a bucket does not. */
const usualOriginReads: Record<Medium, number> = { hdd: 2, nas: 4, s3: 16, ssd: 16 };
/** Maximum file in Redis, bytes: writing or reading a value delays its other clients. */
const mostSmall = 64 * 2 ** 20;

/** The keys of hosts that share; a part of the table in `keys.ts`. Only files of the user set them: a request must not open a port. */
export const farmKeys: { readonly [F in FarmField]: Key<Config[F]> } = {
  farm: {
    name: 'AUTOCACHE_FARM',
    default: 'off',
    meaning:
      'off, or the Redis of the hosts that share the model files they read: redis://user:password@host:6379, rediss://, redis+cluster://a,b, redis+sentinel://a,b/name',
    live: false,
    parse: (text) => (text.toLowerCase() === 'off' ? null : parseRedis(text)),
  },
  farmName: {
    name: 'AUTOCACHE_FARM_NAME',
    default: 'default',
    meaning: 'name of the farm: hosts of one name share, so that several farms may use one Redis',
    live: false,
    parse: parseFarmName,
  },
  farmListen: {
    name: 'AUTOCACHE_FARM_LISTEN',
    default: '0.0.0.0:8390',
    meaning: 'address at which the other hosts read from this one, encrypted with the key of the farm; off = it gives nothing',
    live: false,
    parse: parsePeerListen,
  },
  farmUrl: {
    name: 'AUTOCACHE_FARM_URL',
    default: '',
    meaning: 'how the other hosts reach that address, where it differs (containers, NAT), such as https://gpu1.lan:8390',
    live: false,
    parse: parsePeerUrl,
  },
  farmKey: {
    name: 'AUTOCACHE_FARM_KEY',
    default: '',
    meaning:
      'file with the key of the farm, that "autocached farm init" and "farm join" write; empty = farm.key in the state directory',
    live: false,
    parse: (text, context) => (text === '' ? null : parsePath(text, context)),
  },
  farmOriginReads: {
    name: 'AUTOCACHE_FARM_ORIGIN_READS',
    default: 'hdd=2,nas=4,s3=16',
    meaning: 'runs of chunks that the whole farm reads at once from one origin, by its kind',
    live: false,
    parse: perSource(usualOriginReads),
  },
  farmUpload: {
    name: 'AUTOCACHE_FARM_UPLOAD',
    default: 'none',
    meaning: 'most bytes per second that this host gives to the others, such as 500MiB',
    live: true,
    parse: moreThanZero(parseRate, 'none'),
  },
  farmKeep: {
    name: 'AUTOCACHE_FARM_KEEP',
    default: '1',
    meaning: 'copies of a file that eviction spares in the whole farm while others can leave; never beyond a limit; 0 = none',
    live: true,
    parse: wholeNumber(0, 100),
  },
  farmTrust: {
    name: 'AUTOCACHE_FARM_TRUST',
    default: 'members',
    meaning:
      'which bytes are taken from other hosts: members = all, checked against samples of the own source; published = only files with a published SHA-256; twice = also chunks that two hosts have read from the origin (set it on all hosts)',
    live: false,
    ...choiceOf(farmTrusts),
  },
  farmSmall: {
    name: 'AUTOCACHE_FARM_SMALL',
    default: 'off',
    meaning:
      'off, or the size up to which files are shared through that Redis, such as 8MiB (at most 64MiB): LoRAs, embeddings; together at most 32 times as much',
    live: false,
    parse: parseSmall,
  },
  shared: {
    name: 'AUTOCACHE_SHARED',
    default: '',
    meaning:
      'bucket of an S3-compatible store that the hosts share copies in, with its limit: s3://bucket/prefix?endpoint=https://host:9000&limit=2TiB',
    live: false,
    parse: parseSharedStore,
  },
};

/** The file with the secret of the farm. */
export function farmKeyFile({ farmKey, stateDir }: Pick<Config, 'farmKey' | 'stateDir'>): string {
  return farmKey ?? join(stateDir, 'farm.key');
}

function parseFarmName(text: string): string {
  // It is a part of keys in Redis, where braces and colons have a meaning.
  if (!/^[a-z\d][\w.-]{0,31}$/i.test(text)) throw expected('a name of up to 32 letters, digits, ".", "-" and "_"', text);
  return text;
}

/** A port alone means all addresses: the others are not on this machine. */
function parsePeerListen(text: string): Config['farmListen'] {
  if (text.toLowerCase() === 'off') return null;
  return parseListen(/^\d+$/.test(text) ? `0.0.0.0:${text}` : text);
}

/** The address of a listener, without a slash at its end. */
function parsePeerUrl(text: string): string | null {
  if (text === '') return null;
  const url = URL.parse(text);
  const isBare = url !== null && url.username + url.password + url.search + url.hash === '' && url.pathname === '/';
  if (!isBare || url.protocol !== 'https:') throw expected('an address such as https://gpu1.lan:8390', text);
  return url.origin;
}

function parseSmall(text: string): number | null {
  const size = moreThanZero(parseSize, 'off')(text);
  if (size !== null && size > mostSmall) throw expected('off, or a size up to 64MiB', text);
  return size;
}
