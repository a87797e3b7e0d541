import type { ServerResponse } from 'node:http';
import type { Fault, Reply } from './object-server.ts';

const other = (bytes: Buffer) => Buffer.from(bytes.map((byte) => byte ^ 0x55));

function answer(response: ServerResponse, { status, headers }: Reply, body: Buffer, more: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-length': String(body.length), ...headers, ...more });
  response.end(body);
}

const xml = (code: string) => `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`;

function refuse(response: ServerResponse, status: number, code: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/xml', ...headers });
  response.end(xml(code));
}

/** Sends the first bytes of a body as if all came, then does something else. */
async function begin(response: ServerResponse, { status, headers, body }: Reply, bytes: number): Promise<void> {
  response.writeHead(status, { 'content-length': String(body.length), ...headers });
  await new Promise<void>((resolve) => {
    response.write(body.subarray(0, bytes), () => resolve());
  });
}

function shifted(range: string, by: number): string {
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(range) ?? [];
  return `bytes ${Number(first) + by}-${Number(last) + by}/${total}`;
}

/** After these the same request may succeed: a copy gets over them. Each for an answer with bytes of an object. */
export const passingFaults: Record<string, Fault> = {
  slowDown: (_, response) => refuse(response, 503, 'SlowDown'),
  tooMany: (_, response) => refuse(response, 429, 'TooManyRequests', { 'retry-after': '0' }),
  internalError: (_, response) => refuse(response, 500, 'InternalError'),
  reset: (_, response) => {
    response.destroy();
  },
  cutBody: async (reply, response) => {
    await begin(response, reply, Math.floor(reply.body.length / 2));
    response.destroy();
  },
  noBody: async (reply, response) => {
    await begin(response, reply, 0);
    response.destroy();
  },
  otherPart: (reply, response) =>
    answer(response, reply, other(reply.body), { 'content-range': shifted(reply.headers['content-range'] ?? '', 1) }),
  shorterLength: (reply, response) => answer(response, reply, reply.body.subarray(0, -1)),
  longerLength: (reply, response) => answer(response, reply, Buffer.concat([reply.body, Buffer.from('more')])),
  moreThanAsked: (reply, response) => {
    const { 'content-length': _, ...headers } = reply.headers;
    response.writeHead(reply.status, headers);
    response.end(Buffer.concat([reply.body, Buffer.from('more')]));
  },
  portal: (_, response) => {
    response.writeHead(502, { 'content-type': 'text/html' });
    response.end('<html>sign in</html>');
  },
};

/** After these the object is not what it was: a copy of it fails. */
export const endingFaults: Record<string, Fault> = {
  otherEtag: (reply, response) => answer(response, reply, other(reply.body), { etag: '"another"' }),
  otherTotal: (reply, response) =>
    answer(response, reply, other(reply.body), {
      'content-range': (reply.headers['content-range'] ?? '').replace(/\d+$/, (total) => `${Number(total) + 1}`),
    }),
  failedCondition: (_, response) => refuse(response, 412, 'PreconditionFailed'),
};

/** Nothing more comes, and the connection stays. */
export const stall: Fault = (reply, response) => begin(response, reply, Math.floor(reply.body.length / 2));
