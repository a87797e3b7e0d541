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
/** The first question waits for the connection, ms; a directory that takes longer is away for the moment. */
const connectMs = 2500;
/** A process that copies can wait longer for an answer than one that answers lookups, ms. */
const answerMs = 1000;
/** The daemon itself tells when the directory is away. */
const log = createLog({ level: 'silent', form: 'json' });

/**
 * The links of this process to a farm, opened with the first use and kept: bytes come to the process that writes them, and the
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
