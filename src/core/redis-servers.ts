/** Addresses of a Redis or Valkey, and the credentials for it. */
export interface RedisServers {
  kind: 'single' | 'cluster' | 'sentinel';
  /** At least one; the sentinels of `sentinel`. */
  nodes: { host: string; port: number }[];
  tls: boolean;
  username: string | null;
  password: string | null;
  database: number;
  /** The name that sentinels know the server by; empty for the other kinds. */
  master: string;
}
