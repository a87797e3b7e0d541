import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { hostPort } from '../runtime/host-port.ts';

const everywhere = ['0.0.0.0', '::'];
/** Timeout for resolving a name, ms: no server may know it. */
const resolveMs = 3000;

/**
 * URL at which others reach a listener of this machine, such as `https://192.168.1.7:8390`: the address by which this machine reaches the
 * farm's Redis. For a Redis on this machine, it is the first address of a network instead.
 */
export async function ownUrl(listen: { host: string; port: number }, redis: { host: string; port: number }): Promise<string> {
  const host = everywhere.includes(listen.host) ? await ownAddress(redis) : listen.host;
  return `https://${hostPort({ host, port: listen.port })}`;
}

/** The same address alone. */
export async function ownAddress(redis: { host: string; port: number }): Promise<string> {
  const towards = await addressTowards(redis);
  if (towards !== null && !isLoopback(towards)) return towards;
  return networkAddress() ?? '127.0.0.1';
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

/** The local address that the system would send from; nothing is sent. */
async function addressTowards({ host, port }: { host: string; port: number }): Promise<string | null> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  try {
    const connected = once(socket, 'connect', { signal: AbortSignal.timeout(resolveMs) });
    socket.connect(port, host);
    await connected;
    return socket.address().address;
  } catch {
    return null;
  } finally {
    socket.close();
  }
}

function networkAddress(): string | null {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? null;
}
