import { CacheError, type ErrorCode, sentenceOf } from '../../../core/errors.ts';
import { type Machine, thisMachine } from '../../../media/machine.ts';
import { foreignPart } from '../../../media/resolve-locally.ts';
import { meaningOf } from '../../../runtime/errnos.ts';
import type { DriverTraits, SourceDriver, WatchOptions } from '../../driver.ts';
import { lookError, reading } from '../../io-errors.ts';
import { type Ground, identify, lookAt } from './look.ts';
import { measureReads } from './measure-reads.ts';
import { openSource } from './open-source.ts';
import { probeSmallReads } from './probe.ts';
import { findPublished } from './published.ts';
import { walk } from './walk.ts';
import { DirectoryWatch } from './watch.ts';

export interface PosixRoot {
  root: string;
  /** Whether this is a process that may touch network volumes, and hang with them. */
  network: boolean;
  /** Whether an inode number stays with its file; default true. If not, `stat` and `list` return none. */
  stableInodes?: boolean;
  machine?: Machine;
}

/** Number of concurrent reads. One by one, a mount with 10 ms per request would serve only a hundred reads per second. */
const networkReads = 16;

/** A driver for files of a mounted file system, on a local disk or behind a network. */
export function posixDriver({ root, network, stableInodes = true, machine = thisMachine() }: PosixRoot): SourceDriver {
  const traits: DriverTraits = { network, readsInFlight: network ? networkReads : 1 };
  const ground = { root, network, stableInodes };
  const mayTouch = async (path: string) => network || (await foreignPart(root, path, machine)) === null;
  const watch = ({ signal, ...options }: WatchOptions) => {
    const directories = new DirectoryWatch(root, { ...options, machine });
    signal.addEventListener('abort', () => directories.close(), { once: true });
    return looking(() => directories.start());
  };
  return {
    traits,
    stat: (path) => looking(() => lookAt(path, ground)),
    identify: () => looking(() => identify(ground), 'SOURCE_MISSING'),
    list: (directory, options) =>
      looking(() => walk(directory, { ...options, stableInodes, machine, mayTouchNetwork: network })),
    open: async (file) => {
      try {
        return await openSource(file, traits);
      } catch (error) {
        throw isMissing(error) && reading(() => isRootAway(file.path, ground)) ? away(error) : error;
      }
    },
    published: (path) => looking(() => findPublished(path, root, mayTouch)),
    probe: (path) => looking(() => probeSmallReads(path)),
    measure: (path) => looking(() => measureReads(path)),
    // A network file system does not report changes by other machines.
    ...(network ? {} : { watch }),
  };
}

/** Calls the file system, and translates its errors. @param absent the code for a missing file */
async function looking<T>(ask: () => T | Promise<T>, absent: ErrorCode = 'SOURCE_IO'): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (meaningOf(error) === 'missing') throw new CacheError(absent, sentenceOf(error), { cause: error });
    throw lookError(error);
  }
}

function isMissing(error: unknown): error is CacheError {
  return error instanceof CacheError && error.code === 'SOURCE_MISSING';
}

/** Whether the root is away: without its volume a mount point is empty or gone, and the state of its files is unknown. */
function isRootAway(path: string, ground: Ground): boolean {
  const found = lookAt(path, ground);
  return found.is === 'absent' && (found.root?.empty ?? true);
}

function away(error: CacheError): CacheError {
  return new CacheError('SOURCE_AWAY', error.message, { cause: error });
}
