import type { RedisServers } from '../core/redis-servers.ts';
import { noAnswer, RedisTrouble, refusalOf } from './trouble.ts';

/** The commands that rooms use; answers are bytes. Each works on one key, or keys of one slot, so that it is legal in a cluster. */
export interface RedisCommands {
  get(key: string): Promise<Buffer | null>;
  /** Bytes `start` to `end`, both included; empty without the key. */
  getRange(key: string, start: number, end: number): Promise<Buffer>;
  /** Remaining time to live, ms; -2 without the key, -1 for no limit. */
  pTTL(key: string): Promise<number>;
  /** @returns null with `NX` when the key exists */
  set(key: string, value: Buffer, options: { PX: number; NX?: true }): Promise<Buffer | null>;
  pExpire(key: string, ms: number): Promise<number>;
  del(key: string): Promise<number>;
  /** Runs a Lua script in one step. Its keys share a hash tag, so that it is legal in a cluster too. */
  eval(script: string, keys: readonly string[], args: readonly (string | Buffer)[]): Promise<unknown>;
}

/** An open connection to one server, to a cluster, or to the server that sentinels name. */
export interface RedisConnection {
  commands: RedisCommands;
  close(): void;
}

/** Ms. */
const connectMs = 2000;
/** Maximum number of pending requests; more are refused. */
const mostWaiting = 10_000;

/**
 * Connects. Only this function loads the client's package.
 * @param onLost the connection to a single server has ended; those of clusters and sentinels look for the next server by themselves
 */
export async function connectRedis(servers: RedisServers, onLost: (error: unknown) => void): Promise<RedisConnection> {
  const { createClient, createCluster, createSentinel, RESP_TYPES, ErrorReply } = await import('@redis/client');
  const { kind, nodes, tls, username, password, database, master } = servers;
  const commandOptions = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };
  const socket = { connectTimeout: connectMs, ...(tls && { tls: true as const }) };
  const perServer = {
    ...(username !== null && { username }),
    ...(password !== null && { password }),
    ...{ disableOfflineQueue: true, disableClientInfo: true, commandsQueueMaxLength: mostWaiting },
    maintNotifications: 'disabled' as const,
  };
  const open = () => {
    if (kind === 'cluster') {
      const rootNodes = nodes.map((node) => ({ ...perServer, socket: { ...socket, ...node } }));
      return createCluster({ RESP: 2, rootNodes, defaults: { ...perServer, socket }, commandOptions });
    }
    if (kind === 'sentinel') {
      const nodeClientOptions = { ...perServer, database, socket };
      const sentinelClientOptions = { socket, maintNotifications: 'disabled' as const };
      const all = { sentinelRootNodes: nodes, nodeClientOptions, sentinelClientOptions, commandOptions };
      return createSentinel({ RESP: 2, name: master, ...all, scanInterval: 5000 });
    }
    // Its users reconnect.
    const own = { ...socket, ...nodes[0], reconnectStrategy: false as const };
    return createClient({ RESP: 2, ...perServer, database, socket: own, commandOptions });
  };
  const client = open();
  client.on('error', (error: unknown) => kind === 'single' && onLost(error));
  const close = () => {
    try {
      client.destroy();
    } catch {
      // Already closed.
    }
  };
  const read = <T>(answer: Promise<unknown>) =>
    answer.catch((error: unknown) => {
      throw error instanceof ErrorReply ? refusalOf(error.message) : error;
    }) as Promise<T>;
  const commands: RedisCommands = {
    get: (key) => read(client.get(key)),
    getRange: (key, start, end) => read(client.getRange(key, start, end)),
    pTTL: (key) => read(client.pTTL(key)),
    set: (key, value, options) => read(client.set(key, value, options)),
    pExpire: (key, ms) => read(client.pExpire(key, ms)),
    del: (key) => read(client.del(key)),
    eval: (script, keys, args) => read(client.eval(script, { keys: [...keys], arguments: [...args] })),
  };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new RedisTrouble(noAnswer)), 2 * connectMs);
  });
  try {
    await read(Promise.race([client.connect(), late]));
    return { commands, close };
  } catch (error) {
    close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
