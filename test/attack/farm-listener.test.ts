import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectionKey } from '../../src/farm/farm-key.ts';
import { ciphers } from '../../src/farm/peer-wire.ts';
import { key, name, shareCopy } from '../farm/shared-copy.ts';

const member = { psk: connectionKey(key), identity: 'h2' };

/** What the listener says to these bytes, until it ends the connection or has said enough. */
async function answerTo(socket: TLSSocket, text: string | Buffer): Promise<string> {
  let said = '';
  socket.on('error', () => {});
  const ended = new Promise((resolve) => socket.on('close', resolve));
  const enough = new Promise<void>((resolve) => {
    socket.on('data', (part: Buffer) => {
      said += part.toString('latin1');
      if (said.length > 400 || said.includes('\r\n\r\n')) resolve();
    });
  });
  socket.write(text);
  await Promise.race([ended, enough]);
  socket.destroy();
  return said;
}

async function connected(port: number, options: ConnectionOptions): Promise<TLSSocket | null> {
  const socket = connect({ host: '127.0.0.1', port, ...options });
  onTestFinished(() => void socket.destroy());
  const failed = new Promise<null>((resolve) => {
    socket.on('error', () => resolve(null));
    socket.on('close', () => resolve(null));
  });
  const there = once(socket, 'secureConnect').then(
    () => socket,
    () => null,
  );
  return Promise.race([there, failed]);
}

const asMember: ConnectionOptions = { ciphers, checkServerIdentity: () => undefined, pskCallback: () => member };

/** Who has not the secret does not even get to ask. */
const strangers: [string, ConnectionOptions][] = [
  ['no secret', { rejectUnauthorized: false }],
  ['no secret, TLS 1.2', { rejectUnauthorized: false, maxVersion: 'TLSv1.2' }],
  ['an empty secret', { ...asMember, pskCallback: () => ({ psk: Buffer.alloc(1), identity: 'h2' }) }],
  ['a secret of zeros', { ...asMember, pskCallback: () => ({ psk: Buffer.alloc(32), identity: 'h2' }) }],
  ['the farm\u2019s secret itself', { ...asMember, pskCallback: () => ({ psk: key, identity: 'h2' }) }],
  ['half the secret', { ...asMember, pskCallback: () => ({ psk: member.psk.subarray(0, 16), identity: 'h2' }) }],
  ['the secret twice', { ...asMember, pskCallback: () => ({ psk: Buffer.concat([member.psk, member.psk]), identity: 'h2' }) }],
  [
    'another secret, TLS 1.2',
    { ...asMember, maxVersion: 'TLSv1.2', pskCallback: () => ({ psk: Buffer.alloc(32, 1), identity: 'h2' }) },
  ],
  ['an identity of 128 letters', { ...asMember, pskCallback: () => ({ psk: Buffer.alloc(32, 1), identity: 'x'.repeat(128) }) }],
  ['anonymous ciphers', { rejectUnauthorized: false, maxVersion: 'TLSv1.2', ciphers: 'aNULL:@SECLEVEL=0' }],
];

/** Who is in the farm gets chunks and descriptions, and nothing else. */
const requests: [string, string][] = [
  ...[
    '/',
    '/etc/passwd',
    '/../../etc/passwd',
    '/peer/v1/files/../../../etc/passwd',
    '/peer/v1/files/..%2f..%2fetc%2fpasswd',
    `/peer/v1/files/${name}/../${name}`,
    `/peer/v1/files/${name}/`,
    `/peer/v1/files/${name}/chunks`,
    `/peer/v1/files/${name}/chunks/`,
    `/peer/v1/files/${name}/chunks/0`,
    `/peer/v1/files/${name}/chunks/-1-1`,
    `/peer/v1/files/${name}/chunks/0-1/..`,
    `/peer/v1/files/${name}/chunks/0x0-0x1`,
    `/peer/v1/files/${name}/chunks/0-1?x=/etc/passwd`,
    `/peer/v1/files/${name}/chunks/0-1#x`,
    `/peer/v1/files/${name}/chunks/1e0-1e1`,
    `/peer/v1/files/${name}/chunks/0.5-1`,
    `/peer/v1/files/${name}/chunks/ 0-1`,
    `/peer/v1/files/${name}/chunks/00000000-1`,
    `/peer/v1/files/${name}/chunks/0-99999999999999999999`,
    `/peer/v1/files/${name}/chunks/3-4`,
    `/peer/v1/files/${name}/chunks/2-4`,
    `/peer/v1/files/${name}/chunks/9999999-9999999`,
    `/peer/v1/files/${name}/chunks/1-1`,
    `/peer/v1/files/${name}/chunks/2-1`,
    `/peer/v1/files/${name}/chunks/0-5`,
    `/peer/v1/files/${name}/chunks/0-9999999`,
    `/peer/v1/files/${name.toUpperCase()}/chunks/0-1`,
    `/peer/v1/files/${name}a/chunks/0-1`,
    `/peer/v1/files/${name.slice(1)}/chunks/0-1`,
    `/peer/v1/files/${'b'.repeat(64)}/chunks/0-1`,
    `/peer/v1/files/${'b'.repeat(64)}`,
    '/peer/v1/files/__proto__',
    '/peer/v1/files/constructor/chunks/0-1',
    `/peer/v1/files/${'%61'.repeat(64)}/chunks/0-1`,
    `//peer/v1/files/${name}/chunks/0-1`,
    `/PEER/v1/files/${name}`,
    `/peer/v2/files/${name}`,
    '/peer/v1/hello/',
    '/peer/v1/hello?',
    '/api/lookup',
    '/healthz',
    '/metrics',
    '/api/cache/clear',
    '*',
    `https://h1/peer/v1/files/${name}/chunks/0-1`,
  ].map((path): [string, string] => [`GET ${path}`, `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`]),
  ...['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'HEAD', 'CONNECT', 'PROPFIND', 'SEARCH'].map(
    (method): [string, string] => [
      method,
      `${method} /peer/v1/files/${name}/chunks/0-1 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n`,
    ],
  ),
  ['headers of 64 KiB', `GET /peer/v1/hello HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(65_536)}\r\n\r\n`],
  ['two lengths', `POST /peer/v1/hello HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx`],
  [
    'a length and chunks',
    `POST /peer/v1/hello HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ['no host', 'GET /peer/v1/hello HTTP/1.1\r\n\r\n'],
  [
    'a switch of protocols',
    `GET /peer/v1/files/${name}/chunks/9-10 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  ],
  ['no HTTP', '\x16\x03\x01\x00\x05hello\r\n\r\n'],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a NUL in the path', `GET /peer/v1/files/${name}\0/chunks/0-1 HTTP/1.1\r\nHost: h\r\n\r\n`],
];

describe('the listener of a farm', () => {
  test(`shakes hands with none of ${strangers.length} that have not the secret`, async () => {
    const { server } = await shareCopy();
    const answered: string[] = [];
    for (const [title, options] of strangers) {
      const socket = await connected(server.port, options);
      // A client of TLS 1.3 may believe in its handshake before the server has refused it.
      const said = socket === null ? '' : await answerTo(socket, 'GET /peer/v1/hello HTTP/1.1\r\nHost: h\r\n\r\n');
      if (said !== '') answered.push(title);
    }
    expect(answered).toEqual([]);
    expect(server.given.bytes).toBe(0);
  });

  test('says nothing to who speaks HTTP without encryption', async () => {
    const { server } = await shareCopy();
    const socket = connectPlain(server.port, '127.0.0.1');
    let said = '';
    socket.on('data', (part) => {
      said += part.toString('latin1');
    });
    socket.on('error', () => {});
    socket.write('GET /peer/v1/hello HTTP/1.1\r\nHost: h\r\n\r\n');
    await new Promise((resolve) => socket.on('close', resolve));
    expect(said).not.toContain('HTTP/');
  });

  test(`gives a member nothing for ${requests.length} requests that it does not know`, async () => {
    const { server } = await shareCopy();
    const served: string[] = [];
    for (const [title, text] of requests) {
      const socket = await connected(server.port, asMember);
      if (socket === null) throw new Error('a member was refused');
      if (/^HTTP\/1.1 2/.test(await answerTo(socket, text))) served.push(title);
    }
    expect(served).toEqual([]);
    expect(server.given.bytes).toBe(0);
  });

  test('gives a member what it asks for, in TLS 1.2 and 1.3: the attacks above have not failed for another reason', async () => {
    const { server } = await shareCopy();
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = await connected(server.port, { ...asMember, maxVersion });
      if (socket === null) throw new Error('a member was refused');
      expect(socket.getProtocol()).toBe(maxVersion);
      const text = `GET /peer/v1/files/${name}/chunks/0-1 HTTP/1.1\r\nHost: h\r\n\r\n`;
      expect(await answerTo(socket, text)).toMatch(/^HTTP\/1.1 200/);
    }
  });

  test('a thousand connections of one address do not keep it from answering another', async () => {
    const { server } = await shareCopy();
    const sockets = Array.from({ length: 1000 }, () =>
      connectPlain({ port: server.port, host: '127.0.0.1', localAddress: '127.0.0.2' }),
    );
    onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
    for (const socket of sockets) socket.on('error', () => {});
    const socket = await connected(server.port, asMember);
    if (socket === null) throw new Error('a member was refused');
    expect(await answerTo(socket, 'GET /peer/v1/hello HTTP/1.1\r\nHost: h\r\n\r\n')).toMatch(/^HTTP\/1.1 200/);
  });
});
