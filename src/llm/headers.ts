import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

/** Of one connection, not of the message (RFC 9110, 7.6.1); the length is that of the body as it is sent. */
const ofConnection = [
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer'],
  ...['transfer-encoding', 'upgrade', 'expect', 'host'],
];

/** Headers of ours: the daemon's token is for the daemon alone. */
export const tokenHeader = 'x-autocached-token';
const controlHeader = 'x-autocached';

/** The headers of a request that the server gets; `authorization` only when it is meant for the server. */
export function headersForServer(headers: IncomingHttpHeaders, authorization: string | undefined): OutgoingHttpHeaders {
  const passed = without(headers, [tokenHeader, controlHeader, 'authorization', 'cookie', 'origin']);
  return authorization === undefined ? passed : { ...passed, authorization };
}

/** The headers of an answer that the client gets. */
export function headersForClient(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return without(headers, [controlHeader]);
}

function without(headers: IncomingHttpHeaders, names: readonly string[]): OutgoingHttpHeaders {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const left = new Set([...ofConnection, ...named, ...names]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !left.has(name)));
}
