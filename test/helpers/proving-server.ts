import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  answerHeader,
  daemonProof,
  digestOf,
  isSame,
  newNonce,
  ProvenSession,
  scheme,
} from '../../src/runtime/mutual-proof.ts';

/** For a bare server that plays the daemon: the daemon's side of the proof. */
export function provingServer(token: string) {
  const sessions = new WeakMap<Socket, ProvenSession>();

  /**
   * Deals with the exchange itself, and answers null then; else whether the request proves the token, and its body. What is written
   * to `response` proves the daemon from now on.
   */
  async function receive(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<{ proven: boolean; content: string } | null> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname === '/api/proof') {
      const clientNonce = url.searchParams.get('nonce') ?? '';
      const exchange = { token, host: request.headers.host ?? '', clientNonce, daemonNonce: newNonce() };
      sessions.set(request.socket, new ProvenSession(exchange));
      response.end(JSON.stringify({ nonce: exchange.daemonNonce, proof: daemonProof(exchange) }));
      return null;
    }
    const content = await text(request);
    const session = sessions.get(request.socket);
    const [name, digest = '', proof = ''] = (request.headers.authorization ?? '').split(' ');
    if (!session || name !== scheme) return { proven: false, content };
    const number = session.next();
    const expected = session.requestProof(number, request.method ?? '', request.url ?? '', digest);
    proveAnswer(response, (status, body) => session.answerProof(number, status, body));
    return { proven: isSame(proof, expected) && digest === digestOf(content), content };
  }

  return { receive };
}

/** Adds the proof when it is known what is sent: at the end of a whole answer, or at the first write of a stream. */
function proveAnswer(response: ServerResponse, proofOf: (status: number, body: string | { stream: true }) => string): void {
  const { end, write, writeHead } = response;
  let status: number | null = null;
  const send = (body: string | { stream: true }) => {
    if (response.headersSent) return;
    response.setHeader(answerHeader, proofOf(status ?? response.statusCode, body));
    writeHead.call(response, status ?? response.statusCode);
  };
  response.writeHead = ((code: number, headers: Record<string, string> = {}) => {
    status = code;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    return response;
  }) as typeof writeHead;
  response.write = ((...args: Parameters<typeof write>) => {
    send({ stream: true });
    return write.apply(response, args);
  }) as typeof write;
  response.end = ((body?: string, ...more: unknown[]) => {
    send(body ?? '');
    response.write = write;
    return end.apply(response, [body, ...more] as Parameters<typeof end>);
  }) as typeof end;
}
