import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type AddressInfo, connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { DaemonFile } from '../../src/api/daemon-file.ts';
import { type ListenOptions, listen } from '../../src/http/listen.ts';
import type { Services } from '../../src/http/services.ts';
import { createServices } from '../helpers/services.ts';

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1'));

async function start(part: Partial<Pick<ListenOptions, 'host' | 'port' | 'orAbove' | 'except'>> = {}) {
  const rig = createServices();
  const server = await listen(rig.services, {
    host: '127.0.0.1',
    port: 0,
    ...part,
    stateDir: rig.dir,
    directories: [],
    keptToken: null,
  });
  let open = true;
  const stop = async () => {
    if (open) await server[Symbol.asyncDispose]();
    open = false;
  };
  onTestFinished(stop);
  const daemonFile = join(rig.dir, 'daemon.json');
  const daemon = JSON.parse(readFileSync(daemonFile, 'utf8')) as DaemonFile;
  const token = readFileSync(daemon.tokenFile, 'utf8').trim();
  const get = (path: string, init: RequestInit = {}) =>
    fetch(`${daemon.url}${path}`, { headers: { authorization: `Bearer ${token}` }, ...init });
  return { rig, url: server.url, stop, daemonFile, daemon, token, get };
}

/** Sends these bytes as they are and gives the whole answer. */
function raw(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.end(text));
    socket.on('data', (data) => {
      answer += String(data);
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

describe('programs find the daemon', () => {
  test('or there is none: where it cannot be told, nothing listens, and the process can end', async () => {
    const rig = createServices();
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port } = free.address() as AddressInfo;
    free.close();
    await once(free, 'close');
    const told = { host: '127.0.0.1', port, directories: [], keptToken: null };
    await expect(listen(rig.services, { ...told, stateDir: join(rig.dir, 'none') })).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
  });

  test('by daemon.json, which leads to the token; both are for their user only', async () => {
    const { url, daemon, daemonFile, token, get } = await start();
    expect(daemon).toEqual({ url, pid: process.pid, version: '1.2.3', tokenFile: expect.any(String) });
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(token).toMatch(/^[0-9a-f]{64}$/);
    if (process.platform !== 'win32') {
      for (const file of [daemonFile, daemon.tokenFile]) expect(statSync(file).mode & 0o777).toBe(0o600);
    }
    expect((await get('/api/jobs')).status).toBe(200);
  });

  test('and not when it has stopped', async () => {
    const { stop, daemonFile, daemon, get } = await start();
    await stop();
    expect(existsSync(daemonFile)).toBe(false);
    expect(existsSync(daemon.tokenFile)).toBe(true);
    await expect(get('/healthz')).rejects.toThrow();
  });

  const all = hasIpv6 ? ['0.0.0.0', '::'] : ['0.0.0.0'];
  test.each(all)('at an address that can be dialled, also when it listens on all (%s)', async (host) => {
    const { daemon, get } = await start({ host });
    expect(daemon.url).toMatch(host === '::' ? /^http:\/\/\[::1\]:/ : /^http:\/\/127\.0\.0\.1:/);
    expect((await get('/api/jobs')).status).toBe(200);
  });

  test.each(hasIpv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1'])('and not at an address that is taken (%s)', async (host) => {
    const { url } = await start({ host });
    const address = new URL(url).host;
    const again = start({ host, port: Number(new URL(url).port) });
    await expect(again).rejects.toMatchObject({ code: 'BAD_CONFIG', message: `cannot listen on ${address} (EADDRINUSE)` });
  });
});

describe('the token', () => {
  const listenAgain = (services: Services, stateDir: string, keptToken: string | null) =>
    listen(services, { host: '127.0.0.1', port: 0, stateDir, directories: [], keptToken });

  test('is a new one at each start: what a stranger learnt of the last one is of no use', async () => {
    const { rig, stop, token } = await start();
    await stop();
    await using _ = await listenAgain(rig.services, rig.dir, null);
    const next = readFileSync(join(rig.dir, 'token'), 'utf8').trim();
    expect(next).toMatch(/^[0-9a-f]{64}$/);
    expect(next).not.toBe(token);
  });

  test('outlives a restart in a file that the user names for containers', async () => {
    const { rig, stop } = await start();
    await stop();
    const kept = join(rig.dir, 'kept');
    for (let times = 0; times < 2; times++) {
      await using _ = await listenAgain(rig.services, rig.dir, kept);
      expect(readFileSync(join(rig.dir, 'token'), 'utf8')).toBe(readFileSync(kept, 'utf8'));
    }
    writeFileSync(kept, 'hf_a token of another program');
    await expect(listenAgain(rig.services, rig.dir, kept)).rejects.toMatchObject({ code: 'BAD_CONFIG' });
  });

  test.each(['', 'short', 'g'.repeat(64)])('that somebody broke (%j) is replaced', async (text) => {
    const rig = createServices();
    writeFileSync(join(rig.dir, 'token'), text, { mode: 0o644 });
    await using _ = await listenAgain(rig.services, rig.dir, null);
    expect(readFileSync(join(rig.dir, 'token'), 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
    if (process.platform !== 'win32') expect(statSync(join(rig.dir, 'token')).mode & 0o777).toBe(0o600);
  });

  test.skipIf(process.platform === 'win32')('that others could read is closed to them', async () => {
    const rig = createServices();
    writeFileSync(join(rig.dir, 'token'), 'a'.repeat(64), { mode: 0o644 });
    await using _ = await listenAgain(rig.services, rig.dir, null);
    expect(statSync(join(rig.dir, 'token')).mode & 0o777).toBe(0o600);
  });
});

describe('over a real connection', () => {
  const line = (answer: string) => answer.split('\r\n', 1)[0];

  test('a request without a Host is refused', async () => {
    const { url, token } = await start();
    const authorization = `Authorization: Bearer ${token}\r\n`;
    expect(line(await raw(url, `GET /api/jobs HTTP/1.0\r\n${authorization}\r\n`))).toContain('403');
    expect(line(await raw(url, `GET /api/jobs HTTP/1.1\r\n${authorization}Connection: close\r\n\r\n`))).toContain('400');
  });

  test('a request with two Hosts is judged by the first, or refused', async () => {
    const { url, token } = await start();
    const hosts = `Host: evil.com\r\nHost: ${new URL(url).host}\r\n`;
    const answer = await raw(
      url,
      `GET /api/jobs HTTP/1.1\r\n${hosts}Authorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
    );
    expect(line(answer)).toMatch(/40[03]/);
  });

  test('a body that is announced as too large is not read', async () => {
    const { url, token } = await start();
    const head = `POST /api/lookup HTTP/1.1\r\nHost: ${new URL(url).host}\r\nAuthorization: Bearer ${token}\r\n`;
    const answer = await raw(url, `${head}Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{`);
    expect(line(answer)).toContain('413');
  });

  test('an absolute address in the request line does not get around the Host', async () => {
    const { url, token } = await start();
    const answer = await raw(
      url,
      `GET ${url}/api/jobs HTTP/1.1\r\nHost: evil.com\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
    );
    expect(line(answer)).toMatch(/40[034]/);
  });
});

test('a port that is taken is said so, with what to set', async () => {
  const { url, rig } = await start();
  const port = Number(new URL(url).port);
  await expect(
    listen(rig.services, { host: '127.0.0.1', port, stateDir: rig.dir, directories: [], keptToken: null }),
  ).rejects.toMatchObject({
    code: 'BAD_CONFIG',
    message: expect.stringContaining(`127.0.0.1:${port}`),
    hint: expect.stringContaining('AUTOCACHE_LISTEN'),
  });
});

test('a port that is taken, and that nobody has asked for, gives way to the next one that is free', async () => {
  const { url } = await start();
  const port = Number(new URL(url).port);
  const other = await start({ port, orAbove: true });
  expect(Number(new URL(other.url).port)).toBeGreaterThan(port);
  expect((await other.get('/healthz')).status).toBe(200);
  expect(other.daemon.url).toBe(other.url);
});

test('the port of the farm is left free', async () => {
  const { url } = await start();
  const port = Number(new URL(url).port);
  const other = await start({ port, orAbove: true, except: port + 1 });
  expect(Number(new URL(other.url).port)).toBeGreaterThan(port + 1);
});

test('an address that is not of this machine is said so', async () => {
  const { services, dir } = createServices();
  await expect(
    listen(services, { host: '192.0.2.1', port: 0, stateDir: dir, directories: [], keptToken: null }),
  ).rejects.toMatchObject({ code: 'BAD_CONFIG' });
  expect(existsSync(join(dir, 'daemon.json'))).toBe(false);
});

test('a server that answers has not loaded the validator of Fastify, which no route uses', async () => {
  const { get } = await start();
  expect((await get('/api/roots')).status).toBe(200);
  const loaded = (name: string) => Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes(name));
  expect(loaded(join('node_modules', 'fastify'))).not.toEqual([]);
  expect(loaded(join('node_modules', 'ajv'))).toEqual([]);
});
