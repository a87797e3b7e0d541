import { setPriority } from 'node:os';
import { CacheError, messageOf } from '../core/errors.ts';
import { hostPort } from '../runtime/host-port.ts';
import { createLog } from '../runtime/log.ts';
import { serveParent } from '../runtime/peer.ts';
import { Periodic } from '../runtime/periodic.ts';
import { Announcements } from './announcements.ts';
import { idOfCopy } from './copy-id.ts';
import { readFarmKey } from './farm-key.ts';
import { farmLink } from './farm-link.ts';
import type { FarmPlace } from './farm-place.ts';
import type { ListenerProcess, ListenerWatcher } from './listener-messages.ts';
import { PeerServer } from './peer-server.ts';
import { SharedFiles } from './shared-files.ts';
import { UploadTurns } from './upload-turns.ts';

/**
 * The entry of the process that gives chunks to the other hosts. A process of its own: encryption takes processor time for every byte,
 * which must not come between a program and its answer; and input of strangers is parsed away from catalog and token.
 */
const parent = serveParent<ListenerWatcher, ListenerProcess>({
  listen,
  begin: (file) => files.begin(file),
  gained: (id, chunk) => files.of(id)?.gain(chunk),
  async finish({ manifestPath, source, id, published, ...copy }) {
    const found = await idOfCopy({ ...copy, manifestPath, source, id, published });
    if (found === null) return null;
    files.finish(found.id, { ...copy, digests: found.digests });
    announcements?.say(found.id);
    return found.id;
  },
  withdraw(id, path) {
    if (files.withdraw(id, path)) announcements?.withdraw(id);
  },
  pace: (most, isBusy) => {
    turns.rate = most;
    busy = isBusy;
  },
});

const files = new SharedFiles();
let announcements: Announcements | null = null;
const turns = new UploadTurns();
let busy = false;
/** Interval between two reports of given bytes, ms. */
const tellMs = 1000;

async function listen(place: FarmPlace, at: { host: string; port: number }): Promise<number> {
  const key = readFarmKey(place.keyFile);
  giveWay();
  const options = { farm: place.farm, host: place.host, key, listen: at, isBusy: () => busy };
  const turn = (bytes: number, isAwaited: boolean) => turns.turn(bytes, isAwaited);
  const log = createLog({ level: 'warn', form: 'pretty' });
  const claims = async (id: string) => announcements?.claims(id) ?? false;
  const server = await PeerServer.listen({ ...options, turn, log, claims, contentOf: (id) => files.of(id) }).catch(
    (error: unknown) => {
      throw new CacheError('BAD_CONFIG', `AUTOCACHE_FARM_LISTEN: ${hostPort(at)} cannot be had: ${messageOf(error)}`, {
        hint: `Where another daemon of this machine has the port, set another one, such as ${hostPort({ ...at, port: at.port + 1 })}.`,
      });
    },
  );
  const { directory } = await farmLink(place);
  announcements = new Announcements({
    directory,
    host: place.host,
    files,
    onOthers: (id, others) => parent.tell.others(id, others),
  });
  announcements.begin();
  let told = 0;
  const tell = () => {
    const { bytes } = server.given;
    if (bytes > told) parent.tell.given(bytes - told);
    told = bytes;
  };
  new Periodic(tell, { everyMs: tellMs, onError: () => {} }).later();
  return server.port;
}

/** Gives it a third of the processor time of a program beside it: with much less, others take this host for a dead one. */
const niceness = 5;

/** Encrypting for others is less urgent than the programs of this host. */
function giveWay(): void {
  try {
    setPriority(niceness);
  } catch {
    // Without the right to change it, it keeps its priority.
  }
}
