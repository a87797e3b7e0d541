import { once } from 'node:events';
import { rmSync, truncateSync } from 'node:fs';
import { Agent, createServer as createHttps, request } from 'node:https';
import { connect, createServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectionKey } from '../../src/farm/farm-key.ts';
import { PeerClient, type PeerQuestion } from '../../src/farm/peer-client.ts';
import { ciphers, hashesHeader } from '../../src/farm/peer-wire.ts';
import { patience, soon } from '../helpers/patience.ts';
import { key, name, partOf, type SharedCopy, sha256, shareCopy } from './shared-copy.ts';

/** What answers, answers in time on any machine; what does not, never does. */
const long = patience(10_000);
const times = { connect: long, firstByte: long, stall: long };
const short = { connect: 300, firstByte: 300, stall: 300 };

function client(secret = key, within = times): PeerClient {
  const made = new PeerClient({ host: 'h2', key: secret, times: within });
  onTestFinished(() => made[Symbol.dispose]());
  return made;
}

/** Asks for chunks, and keeps what comes. */
async function ask({ url, bytes, hashes }: SharedCopy, more: Partial<PeerQuestion> = {}, from = client()) {
  const got = new Map<number, Buffer>();
  const end = await from.chunks({
    url,
    content: name,
    size: bytes.length,
    run: { from: 0, to: 3 },
    hashOf: (chunk) => hashes.get(chunk) ?? null,
    onChunk: async (chunk, part) => void got.set(chunk, Buffer.from(part)),
    ...more,
  });
  return { end, got };
}

/** A server of the test's own, that is no host of a farm. */
async function stranger(onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onSocket(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `https://127.0.0.1:${(server.address() as { port: number }).port}`;
}

describe('a host that asks another for chunks', () => {
  test('gets each of them whole, the short last one too', async () => {
    const copy = await shareCopy();
    const { end, got } = await ask(copy);
    expect(end).toEqual({ is: 'served' });
    for (const chunk of [0, 1, 2]) expect(got.get(chunk)?.equals(partOf(copy.bytes, chunk))).toBe(true);
    await expect.poll(() => copy.server.given, soon()).toEqual({ chunks: 3, bytes: copy.bytes.length });
  });

  test('asks over one connection again and again', async () => {
    const copy = await shareCopy();
    const one = client();
    for (let round = 0; round < 5; round++) expect((await ask(copy, { run: { from: 2, to: 3 } }, one)).end.is).toBe('served');
  });

  test('is heard on an address that a former process of that host gives up late', async () => {
    const former = createServer().listen(0, '127.0.0.1');
    await once(former, 'listening');
    const { port } = former.address() as { port: number };
    const sharing = shareCopy({ listen: { host: '127.0.0.1', port } });
    // Its first try is refused meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 50));
    former.close();
    expect((await ask(await sharing, { run: { from: 2, to: 3 } })).end.is).toBe('served');
  });

  test('knows who it is, and what it has', async () => {
    const copy = await shareCopy();
    expect(await client().hello(copy.url)).toEqual({ version: 1, lowest: 1, host: 'h1', farm: 'home' });
    expect(await client().content(copy.url, name)).toMatchObject({
      size: copy.bytes.length,
    });
    expect(await client().content(copy.url, 'b'.repeat(64))).toBeNull();
  });

  test('does not take a chunk with a wrong byte, and takes those before it', async () => {
    const copy = await shareCopy();
    const { end, got } = await ask(copy, { hashOf: (chunk) => (chunk === 1 ? sha256(Buffer.alloc(1)) : null) });
    expect(end).toEqual({ is: 'lied' });
    expect([...got.keys()]).toEqual([0]);
  });

  test('does not take a chunk that differs from what the host itself says, where nobody else knows', async () => {
    const copy = await shareCopy();
    copy.hashes.set(0, sha256(Buffer.alloc(1)));
    const { end, got } = await ask(copy, { hashOf: () => null });
    expect(end).toEqual({ is: 'lied' });
    expect(got.size).toBe(0);
  });

  test('is told at once that a host no longer has it', async () => {
    const copy = await shareCopy();
    copy.content.has.delete(1);
    expect((await ask(copy)).end).toEqual({ is: 'gone' });
    expect((await ask(copy, { content: 'b'.repeat(64) })).end).toEqual({ is: 'gone' });
  });

  test('keeps what was whole of a copy that has become shorter on the disk', async () => {
    const copy = await shareCopy();
    truncateSync(copy.path, 12 * 1024 * 1024);
    const { end, got } = await ask(copy);
    expect(end).toEqual({ is: 'silent' });
    expect([...got.keys()]).toEqual([0]);
  });

  test('gets the rest of a copy that leaves while it is given', async () => {
    let pieces = 0;
    const copy = await shareCopy({
      turn: async (bytes) => {
        if (pieces++ === 3) rmSync(copy.path);
        return bytes;
      },
    });
    expect((await ask(copy)).end).toEqual({ is: 'served' });
    expect(pieces).toBeGreaterThan(4);
  });

  test('is told by a busy host to come again', { tags: 'slow' }, async () => {
    const gate = Promise.withResolvers<void>();
    let given = 0;
    const turn = (bytes: number) => {
      given++;
      return gate.promise.then(() => bytes);
    };
    const copy = await shareCopy({ turn });
    const one = client();
    const run = { from: 2, to: 3 };
    const waiting = Array.from({ length: 6 }, () => ask(copy, { run, priority: 'warm' }, one));
    await expect.poll(() => given, soon()).toBe(6);
    expect((await ask(copy, { run, priority: 'prefetch' }, one)).end.is).toBe('refused');
    // What a program waits for finds a place, as long as there is one.
    const awaited = Array.from({ length: 2 }, () => ask(copy, { run, priority: 'wait' }, one));
    await expect.poll(() => given, soon()).toBe(8);
    expect((await ask(copy, { run, priority: 'wait' }, one)).end.is).toBe('refused');
    gate.resolve();
    for (const { end } of await Promise.all([...waiting, ...awaited])) expect(end).toEqual({ is: 'served' });
  });

  test.each([
    ['takes no connection', 'https://127.0.0.1:1'],
    ['accepts and says nothing', () => stranger(() => {})],
    ['speaks another language', () => stranger((socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\n'))],
  ])('does without a host that %s', async (_title, at) => {
    const copy = await shareCopy();
    const url = typeof at === 'string' ? at : await at();
    const impatient = client(key, short);
    expect((await ask({ ...copy, url }, {}, impatient)).end).toEqual({ is: 'silent' });
    expect(await impatient.hello(url)).toBeNull();
  });

  test('waits for a busy host that takes the connection, and shakes hands late', { tags: 'slow' }, async () => {
    const copy = await shareCopy();
    let late = 0;
    const url = await stranger((socket) => {
      setTimeout(() => {
        late++;
        const { port, hostname } = new URL(copy.url);
        const host = connect(Number(port), hostname);
        host.on('error', () => {});
        onTestFinished(() => void host.destroy());
        socket.pipe(host).pipe(socket);
      }, 2 * short.connect);
    });
    const { end } = await ask({ ...copy, url }, {}, client(key, { ...times, connect: short.connect }));
    expect(end).toEqual({ is: 'served' });
    expect(late).toBeGreaterThan(0);
  });

  test('hears at once of a host whose bytes have to wait for their turn', async () => {
    const turn = Promise.withResolvers<void>();
    const copy = await shareCopy({ turn: (bytes) => turn.promise.then(() => bytes) });
    const agent = new Agent({
      ciphers,
      pskCallback: () => ({ psk: connectionKey(key), identity: 'h2' }),
      checkServerIdentity: () => undefined,
    });
    onTestFinished(() => agent.destroy());
    const asked = request(`${copy.url}/peer/v1/files/${name}/chunks/0-1`, { agent });
    asked.end();
    const [answer] = await once(asked, 'response');
    expect(answer.statusCode).toBe(200);
    expect(copy.server.given.bytes).toBe(0);
    answer.on('error', () => {}).destroy();
    turn.resolve();
  });

  test('does without a host that stops in the middle', async () => {
    let pieces = 0;
    const copy = await shareCopy({ turn: (bytes) => (pieces++ < 9 ? Promise.resolve(bytes) : new Promise(() => {})) });
    const { end, got } = await ask(copy, {}, client(key, { ...times, stall: 300 }));
    expect(end).toEqual({ is: 'silent' });
    // What came before is kept, if the machine was quick enough to send it.
    expect([...got.keys()]).not.toContain(1);
  });

  test('does without a host that trickles', async () => {
    const copy = await shareCopy();
    const server = createHttps({ ciphers, pskCallback: () => connectionKey(key) }, (_asked, answer) => {
      answer.on('error', () => {});
      answer.writeHead(200, { 'content-length': copy.bytes.length, [hashesHeader]: [...copy.hashes.values()].join(',') });
      const drops = setInterval(() => answer.write(copy.bytes.subarray(0, 1)), 50);
      answer.once('close', () => clearInterval(drops));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    const url = `https://127.0.0.1:${(server.address() as { port: number }).port}`;
    let heard = 0;
    const patient = client(key, { ...times, stall: 500 });
    const { end } = await ask({ ...copy, url }, { onBytes: () => heard++ }, patient);
    expect(end).toEqual({ is: 'silent' });
    // Whoever waits for others too does not take drops for progress.
    expect(heard).toBe(0);
  });

  test('believes no host with another secret, and is not believed by it', async () => {
    const copy = await shareCopy();
    const { end, got } = await ask(copy, {}, client(Buffer.alloc(32, 8)));
    expect(end).toEqual({ is: 'silent' });
    expect(got.size).toBe(0);
    expect(copy.server.given.bytes).toBe(0);
  });
});
