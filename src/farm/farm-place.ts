import type { RedisServers } from '../core/redis-servers.ts';

/** A farm as one of its hosts reaches it: plain data, for the processes of that host. The secret itself stays in its file. */
export interface FarmPlace {
  servers: RedisServers;
  /** The farm's name. */
  farm: string;
  /** This host's name in it. */
  host: string;
  /** The file with the farm's secret. */
  keyFile: string;
}
