import type { Catalog } from '../catalog/catalog.ts';
import type { Spent } from '../core/remote.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import type { OpenReader } from '../sources/rpc.ts';
import type { RemoteRootsOptions } from './remote-roots.ts';

/** The options of a daemon's roots. */
export interface SourceRootsOptions {
  catalog: Catalog;
  events: Events;
  log: Log;
  clock: Clock;
  /** The directories with copies. */
  cacheDirs: readonly string[];
  /** See `RegisterOptions`. */
  cacheAround?: (path: string) => string | null;
  /** The roots that are no directories. */
  remotes?: Pick<RemoteRootsOptions, 'remotes' | 'stateDir' | 'copiesOf'> & { listMs: number };
  onSpent?(spent: Spent[]): void;
  /** For variables in ComfyUI's yaml files. */
  environment: NodeJS.ProcessEnv;
  /** Whether the file systems of the roots ignore case; for tests. By default each is asked. */
  ignoresCase?: boolean | undefined;
  /** How the reader of local disks starts; for tests. */
  openThread?: OpenReader | undefined;
}
