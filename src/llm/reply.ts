import { hash } from 'node:crypto';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { CacheError } from '../core/errors.ts';
import { openAiError } from './openai-error.ts';
import type { Endpoint } from './question.ts';

/** A request of a client. */
export interface Asked {
  endpoint: Endpoint;
  /** The path below the base address, with its query. */
  path: string;
  headers: IncomingHttpHeaders;
  /** The client's credentials at the server, if it has some. */
  authorization: string | undefined;
  /** Its JSON body, parsed and as it was written. */
  written: { body?: unknown; bodyText: string };
  /** Aborted when the client is gone. */
  signal: AbortSignal;
}

export interface Reply {
  status: number;
  headers: OutgoingHttpHeaders;
  /** The whole body, or a stream. */
  body: Buffer | AsyncIterable<Buffer>;
}

/** A failure as the clients of the API expect it. */
export function failure(error: CacheError): Reply & { body: Buffer; error: CacheError } {
  const body = Buffer.from(JSON.stringify(openAiError(error)));
  return { status: error.status, headers: { 'content-type': 'application/json', 'x-autocached': 'MISS' }, body, error };
}

const credentials = ['api-key', 'x-api-key', 'openai-organization', 'openai-project'];

/**
 * Names the account of a client, without revealing its credentials. An answer is given only to the account that asked for it: the
 * daemon does not know whether the server would have answered another one.
 */
export function accountOf({ headers, authorization }: Pick<Asked, 'headers' | 'authorization'>): string {
  const given = [authorization, ...credentials.map((name) => headers[name])];
  return given.every((one) => one === undefined) ? '' : hash('sha256', JSON.stringify(given));
}
