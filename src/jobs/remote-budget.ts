import type { Catalog } from '../catalog/catalog.ts';
import { CacheError } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import type { Remote } from '../core/remote.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Job } from './job.ts';
import type { CopyOptions } from './options.ts';

export interface RemoteBudgetDeps {
  catalog: Pick<Catalog, 'remoteUse' | 'write'>;
  sources: {
    /** The place that the sources below a root are read from; null = its directory. */
    remoteOf(root: string): Remote | null;
  };
  options: Pick<CopyOptions, 'remoteMonthly'>;
  clock: Clock;
  log: Log;
}

/** What copies read from remotes, and the bound on it: others have to be paid for each byte. */
export class RemoteBudget {
  readonly #deps: RemoteBudgetDeps;

  constructor(deps: RemoteBudgetDeps) {
    this.#deps = deps;
  }

  /** Beyond the month's bound, only a file that a program waits for is read. @throws CacheError NOT_ADMITTED */
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

  /** A copy of this job's source has read so much. */
  note({ file }: Job, read: { bytes: number; requests: number }): void {
    const { catalog, sources, clock, log } = this.#deps;
    const remote = sources.remoteOf(file.root);
    if (remote === null || (read.bytes === 0 && read.requests === 0)) return;
    const onError = (err: unknown) => log.warn({ err, remote: remote.name }, 'what was read from a remote is not counted');
    catalog.write(() => catalog.remoteUse.add(remote.name, read, clock.now())).catch(onError);
  }
}
