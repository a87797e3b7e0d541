import { RedisLink } from '../redis/link.ts';
import { bounded } from '../runtime/deadline.ts';
import { createLog } from '../runtime/log.ts';
import { readFarmKey } from './farm-key.ts';
import type { FarmPlace } from './farm-place.ts';
import { PeerClient } from './peer-client.ts';
import { RedisDirectory } from './redis-directory.ts';
import { SmallFiles } from './small-files.ts';

/** A process's links to a farm: to its directory, and to the other hosts. */
export interface FarmLink {
  directory: RedisDirectory;
  peers: PeerClient;
  small: SmallFiles;
}

const links = new Map<string, FarmLink>();
/** Timeout of the connection, which the first request waits for, ms; a slower directory is away for the moment. */
const connectMs = 2500;
/** Timeout of an answer, ms: a process that copies can wait longer than one that answers lookups. */
const answerMs = 1000;
/** The daemon itself reports that the directory is away. */
const log = createLog({ level: 'silent', form: 'json' });

/**
 * The links of this process to a farm, opened with the first use and kept: each process receives the bytes that it writes, and the
 * daemon's own thread sees none of it.
 * @throws CacheError BAD_CONFIG without a usable key
 */
export async function farmLink(place: FarmPlace): Promise<FarmLink> {
  const name = JSON.stringify(place);
  const known = links.get(name);
  if (known) return known;
  const key = readFarmKey(place.keyFile);
  const link = new RedisLink({ servers: place.servers, log, purpose: 'the farm' });
  const opened = {
    directory: new RedisDirectory(link, place.farm, answerMs),
    peers: new PeerClient({ host: place.host, key }),
    small: new SmallFiles(link, place.farm, key),
  };
  links.set(name, opened);
  await bounded(link.tried, connectMs);
  return opened;
}
