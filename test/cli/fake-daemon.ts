import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EventMap } from '../../src/api/event-map.ts';
import { provingServer } from '../helpers/proving-server.ts';

/** What was asked: `key` is `GET /api/jobs`, without the query. */
interface Asked {
  key: string;
  query: Record<string, string>;
  body: unknown;
}

type Route = (asked: Asked, response: ServerResponse) => unknown;

/**
 * A server with the daemon's manners (token, JSON, daemon.json in a state directory of its own) whose answers a test sets. A
 * route that answers undefined has dealt with the response itself.
 */
export interface FakeDaemon extends AsyncDisposable {
  stateDir: string;
  url: string;
  asked: Asked[];
  routes: Record<string, Route>;
  /** Where copies lie; counts with the next `writeDaemonFile`. */
  directories: string[];
  /** The bodies that one route was asked with. */
  bodies(key: string): unknown[];
  /** Says an event to every open stream; waits until there is one. */
  emit<K extends keyof EventMap>(name: K, data: EventMap[K]): Promise<void>;
  /** Ends the open streams, as a daemon does that stops. */
  endStreams(): void;
  writeDaemonFile(changes?: Record<string, unknown>): Promise<void>;
  /** No longer listens; daemon.json stays, as after a crash. */
  die(): Promise<void>;
}

export async function startFakeDaemon(routes: Record<string, Route> = {}): Promise<FakeDaemon> {
  const stateDir = await mkdtemp(join(tmpdir(), 'autocached-cli-'));
  const token = 'f'.repeat(64);
  const { receive } = provingServer(token);
  const asked: Asked[] = [];
  const streams = new Set<ServerResponse>();
  const waiting: (() => void)[] = [];

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.writeHead(500).end(JSON.stringify({ error: { code: 'INTERNAL', message: String(error), hint: null } }));
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const key = `${request.method} ${url.pathname}`;
    const received = await receive(request, response);
    if (received === null) return;
    const { proven, content } = received;
    if (key !== 'GET /healthz' && !proven) {
      return send(response, 401, { error: { code: 'UNAUTHORIZED', message: 'the token is wrong', hint: null } });
    }
    if (content !== '' && request.headers['content-type'] !== 'application/json') {
      return send(response, 415, { error: { code: 'NOT_JSON', message: 'not JSON', hint: null } });
    }
    if (key === 'GET /healthz') return send(response, 200, {});
    if (key === 'GET /api/events' && !fake.routes[key]) return openStream(response);
    const question = {
      key,
      query: Object.fromEntries(url.searchParams),
      body: content === '' ? undefined : JSON.parse(content),
    };
    asked.push(question);
    const route = fake.routes[key];
    if (!route) return send(response, 404, { error: { code: 'NOT_FOUND', message: `no route ${key}`, hint: null } });
    const result = await route(question, response);
    if (result !== undefined) send(response, 200, result);
  }

  function openStream(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': hello\n\n');
    streams.add(response);
    response.on('close', () => streams.delete(response));
    for (const wake of waiting.splice(0)) wake();
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const die = async () => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };

  const fake: FakeDaemon = {
    stateDir,
    url,
    asked,
    routes,
    directories: [tmpdir()],
    bodies: (key) => asked.filter((one) => one.key === key).map((one) => one.body),
    async emit(name, data) {
      if (streams.size === 0) await new Promise<void>((resolve) => waiting.push(resolve));
      for (const stream of streams) stream.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
    },
    endStreams: () => {
      for (const stream of streams) stream.end();
    },
    async writeDaemonFile(changes = {}) {
      const tokenFile = join(stateDir, 'token');
      await writeFile(tokenFile, `${token}\n`, { mode: 0o600 });
      const file = { url, pid: 4711, version: '0.1.0', tokenFile, ...changes };
      await writeFile(join(stateDir, 'directories.json'), JSON.stringify({ directories: fake.directories }), { mode: 0o600 });
      await writeFile(join(stateDir, 'daemon.json'), JSON.stringify(file), { mode: 0o600 });
    },
    die,
    async [Symbol.asyncDispose]() {
      await die();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
  await fake.writeDaemonFile();
  return fake;
}

/** Answers with an error, as the daemon does. */
export function refuse(
  response: ServerResponse,
  status: number,
  error: { code: string; message: string; hint?: string },
): undefined {
  send(response, status, { error: { hint: null, ...error } });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
