import type { Catalog } from '../catalog/catalog.ts';
import { CacheError } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import type { Remote, Spent } from '../core/remote.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Job } from './job.ts';
import type { CopyOptions } from './options.ts';

export interface RemoteBudgetDeps {
  catalog: Pick<Catalog, 'remoteUse'>;
  sources: {
    /** The remote that the sources below a root are read from; null = its directory. */
    remoteOf(root: string): Remote | null;
  };
  options: Pick<CopyOptions, 'remoteMonthly'>;
  clock: Clock;
}

/** Limits the bytes that copies read from remotes, because providers charge for each byte. */
export class RemoteBudget {
  readonly #deps: RemoteBudgetDeps;

  constructor(deps: RemoteBudgetDeps) {
    this.#deps = deps;
  }

  /** Beyond the monthly limit, only a file that a program waits for is read. @throws CacheError NOT_ADMITTED */
  assertWithin({ file, priority }: Job): void {
    const { catalog, sources, options, clock } = this.#deps;
    const most = options.remoteMonthly();
    const remote = most === null || priority === 'wait' ? null : sources.remoteOf(file.root);
    if (most === null || remote === null) return;
    const { bytes } = catalog.remoteUse.month(remote.name, clock.now());
    if (bytes + file.fingerprint.size <= most) return;
    throw new CacheError(
      'NOT_ADMITTED',
      `${formatBytes(bytes)} were read from ${remote.name} this month, of ${formatBytes(most)}: only a file that a program waits for is read`,
      { hint: 'raise AUTOCACHE_REMOTE_MONTHLY' },
    );
  }
}

/** Returns a function that records the reads from remotes by month. */
export function spentCounter(
  catalog: Pick<Catalog, 'remoteUse' | 'write'>,
  { clock, log }: { clock: Clock; log: Log },
): (spent: Spent[]) => void {
  return (spent) => {
    const add = () => {
      for (const { remote, ...read } of spent) catalog.remoteUse.add(remote, read, clock.now());
    };
    catalog.write(add).catch((err) => log.warn({ err }, 'what was read from a remote is not counted'));
  };
}
