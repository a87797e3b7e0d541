import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { CivitaiRemote, WebRemote } from '../../../src/core/remote.ts';
import { civitai } from '../../../src/sources/drivers/http/civitai.ts';
import { webFile } from '../../../src/sources/drivers/http/web-file.ts';
import { bytesOf, ObjectServer, type Protocol, type Reply } from '../../helpers/object-server.ts';
import { fileAt, listed, pattern, readRange } from '../subject.ts';
import { RemoteSubject } from './remote-subject.ts';

const common = {
  name: 'far',
  url: '',
  to: null,
  list: null,
  proxy: null,
  price: null,
  verify: 'report',
  driver: 'http',
} as const;
const bytes = pattern(70_000);
const sha256 = 'ab'.repeat(32);

/** As Civitai answers: a size in rounded KiB, and downloads from another place that refuses its token. */
const civitaiProtocol: Protocol = ({ url, headers, method, body }, server) => {
  const object = server.objects.get('a.safetensors');
  if (!object) return null;
  const asked = { url, headers, method, body };
  const file = { id: 7, name: 'a.safetensors', sizeKB: 68, hashes: { SHA256: sha256.toUpperCase() } };
  const reply = (status: number, more: Partial<Reply>): Reply => ({
    status,
    headers: {},
    body: Buffer.alloc(0),
    about: '',
    ...more,
  });
  if (url.pathname === '/api/v1/model-versions/2087300') {
    const version = {
      publishedAt: '2024-05-01T00:00:00.000Z',
      files: [file, { id: 8, name: '../up.safetensors' }, 'nonsense'],
    };
    return reply(200, { body: Buffer.from(JSON.stringify(version)) });
  }
  if (url.pathname === '/api/download/models/2087300')
    return method === 'HEAD' || headers.authorization === undefined
      ? reply(401, {})
      : reply(307, { headers: { location: `http://localhost:${server.port}/store/${url.searchParams.get('fileId')}` } });
  if (url.pathname !== '/store/7') return null;
  return headers.authorization === undefined ? bytesOf(object, asked, 'a.safetensors') : reply(400, {});
};

const webProtocol: Protocol = (asked, server) => {
  const object = server.objects.get(asked.url.pathname.slice(1));
  return object ? bytesOf(object, asked, 'file') : null;
};

async function started(protocol: Protocol): Promise<ObjectServer> {
  const server = await ObjectServer.start(protocol);
  onTestFinished(() => server[Symbol.asyncDispose]());
  server.put('a.safetensors', bytes);
  return server;
}

async function readWhole(subject: RemoteSubject): Promise<boolean> {
  const source = await subject.driver.open(await fileAt(subject, 'a.safetensors'));
  const all = await readRange(source, 0, bytes.length);
  await source.assertUnchanged();
  await source.close();
  return all.equals(bytes);
}

test('a version on Civitai is listed with true sizes, read without its token elsewhere, and its hash is told', async () => {
  const server = await started(civitaiProtocol);
  const remote: CivitaiRemote = { ...common, scheme: 'civitai', id: '2087300' };
  const subject = new RemoteSubject(server, civitai(remote, { address: server.url, token: 'civitai-token' }));
  const { found } = await listed(subject);
  expect(found.map(({ rel, size }) => [rel, size])).toEqual([['a.safetensors', bytes.length]]);
  expect(await readWhole(subject)).toBe(true);
  expect(await subject.driver.published(join(subject.root, 'a.safetensors'))).toMatchObject({ sha256 });
});

test('a file of a web server is a remote of one file', async () => {
  const server = await started(webProtocol);
  const remote: WebRemote = { ...common, scheme: 'web', address: `${server.url}/a.safetensors?key=1` };
  const subject = new RemoteSubject(server, webFile(remote));
  expect((await listed(subject)).found.map(({ rel }) => rel)).toEqual(['a.safetensors']);
  expect(await readWhole(subject)).toBe(true);
  const open = await subject.driver.open(await fileAt(subject, 'a.safetensors'));
  server.put('a.safetensors', pattern(70_000, 2));
  await expect(readRange(open, 0, 10)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
});

test('a web server that serves no parts, or tells no version, is refused with the reason', async () => {
  const server = await started((asked, { objects }) => {
    const object = objects.get('a.safetensors');
    if (!object) return null;
    const { range: _, ...headers } = asked.headers;
    return bytesOf(object, { ...asked, headers }, 'file');
  });
  server.put('a.safetensors', pattern(9 * 2 ** 20));
  const subject = new RemoteSubject(server, webFile({ ...common, scheme: 'web', address: `${server.url}/a.safetensors` }));
  const open = await subject.driver.open(await fileAt(subject, 'a.safetensors'));
  await expect(readRange(open, 0, 10)).rejects.toMatchObject({ code: 'SOURCE_IO', message: expect.stringContaining('parts') });
  const { faultFor } = server;
  server.faultFor = () => (reply, response) => {
    response.writeHead(200, { 'content-length': String(reply.body.length) });
    response.end(reply.body);
  };
  await expect(subject.driver.stat(join(subject.root, 'a.safetensors'))).rejects.toMatchObject({
    message: expect.stringContaining('ETag'),
  });
  server.faultFor = faultFor;
});

test('requests go through the proxy of the remote', async () => {
  const server = await started(webProtocol);
  const through: string[] = [];
  const proxy = createServer((incoming, outgoing) => {
    through.push(incoming.url ?? '');
    const { hostname, port, pathname } = new URL(incoming.url ?? '');
    const { headers, method } = incoming;
    request(
      { hostname: hostname === 'models.example' ? '127.0.0.1' : hostname, port, path: pathname, headers, method },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(outgoing);
      },
    ).end();
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void proxy.close());
  const at = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const address = `http://models.example:${server.port}/a.safetensors`;
  const subject = new RemoteSubject(server, webFile({ ...common, scheme: 'web', address, proxy: at }));
  expect(await readWhole(subject)).toBe(true);
  expect(new Set(through)).toEqual(new Set([address]));
});
