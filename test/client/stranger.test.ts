import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Client } from '../../src/cli/client.ts';
import { DaemonCalls } from '../../src/client/daemon-call.ts';
import { createApp } from '../../src/http/app.ts';
import { createResolver } from '../../src/index.ts';
import { newNonce } from '../../src/runtime/mutual-proof.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { createServices } from '../helpers/services.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** Somebody else's program on the port that daemon.json names. */
async function stranger(answer: (request: IncomingMessage, response: ServerResponse, body: string) => unknown) {
  const heard: string[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    heard.push([request.method, request.url, JSON.stringify(request.headers), body].join(' '));
    await answer(request, response, body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heard };
}

/** What a killed daemon leaves behind, with the stranger at its address. */
function leftBehind(url: string, cache: string) {
  const dir = tempDir();
  const token = 'a'.repeat(64);
  const files = { token, 'daemon.json': JSON.stringify({ url, pid: 1, version: '0', tokenFile: 'token' }) };
  for (const [name, content] of Object.entries({ ...files, 'directories.json': JSON.stringify({ directories: [cache] }) }))
    writeFileSync(join(dir, name), content, { mode: 0o600 });
  return { dir, token };
}

describe('a stranger on the port of a daemon that was killed', () => {
  const answers = (path: string) => JSON.stringify({ path, tier: 'ssd', reason: 'HIT', leaseMs: 1, entry: 1, job: null });
  const nonceOf = (request: IncomingMessage) => new URL(request.url ?? '', 'http://a').searchParams.get('nonce');

  test.each<[string, (request: IncomingMessage, response: ServerResponse) => unknown]>([
    ['answers everything with its path', (_request, response) => response.end(answers('/tmp/trap/a.safetensors'))],
    [
      'gives the nonce back as its proof',
      (request, response) => {
        response.end(JSON.stringify({ nonce: newNonce(), proof: nonceOf(request) }));
      },
    ],
    [
      'gives the nonce back as its own',
      (request, response) => {
        response.end(JSON.stringify({ nonce: nonceOf(request), proof: nonceOf(request) }));
      },
    ],
    ['refuses with 401', (_request, response) => response.writeHead(401).end('{"error":{"code":"UNAUTHORIZED"}}')],
    ['sends elsewhere', (_request, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
    ['never ends its proof', (_request, response) => void response.write('{"nonce":"'.padEnd(4096, 'a'))],
  ])('that %s hears a nonce, and nothing else', async (_what, answer) => {
    const source = join(tempDir(), 'a.safetensors');
    writeFileSync(source, 'weights');
    const { url, heard } = await stranger(answer);
    const { dir, token } = leftBehind(url, '/tmp/trap');
    const resolver = createResolver({ stateDir: dir, timeoutMs: { connect: 2_000, answer: 2_000 } });
    onTestFinished(() => resolver.close());
    expect(await resolver.resolve(source)).toMatchObject({ path: source, reason: 'ERROR' });
    const client = await Client.find(dir);
    await expect(client.stats()).rejects.toMatchObject({ code: 'NOT_RUNNING' });
    expect(heard.length).toBeGreaterThan(0);
    for (const request of heard) {
      expect(request).toMatch(/^GET \/api\/proof\?nonce=[0-9a-f]{64} /);
      expect(request).not.toMatch(/authorization/i);
      expect(request).not.toContain(token);
      expect(request).not.toContain(source);
    }
  });
});

describe('a stranger between a program and the daemon', () => {
  /** Passes on what it hears to the daemon at `to`, and its answers back, each as `change` has it. */
  const relay = (to: () => string, change: { host?: 'theirs'; answer?: (text: string) => string }) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    return stranger(async (incoming, response, body) => {
      const target = new URL(incoming.url ?? '/', to());
      const headers = { ...incoming.headers, ...(change.host && { host: target.host }) };
      const outgoing = request(target, { method: incoming.method, headers, agent });
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        outgoing.on('response', resolve).on('error', reject).end(body);
      });
      const content = await text(answer);
      const changed = change.answer?.(content) ?? content;
      response.writeHead(answer.statusCode ?? 500, { ...answer.headers, 'content-length': Buffer.byteLength(changed) });
      response.end(changed);
    });
  };

  test.each([
    ['as it is', {}],
    ['under the daemon’s own name', { host: 'theirs' } as const],
  ])('that passes everything on %s gets no proof that counts, and no path is asked for', async (_what, change) => {
    const rig = await runDaemon({ 'loras/a.safetensors': 100 });
    const real = rig.client.daemon.url;
    const { url, heard } = await relay(() => real, change);
    const file = join(rig.stateDir, 'daemon.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace(real, url), { mode: 0o600 });
    await expect((await Client.find(rig.stateDir)).stats()).rejects.toMatchObject({ code: 'NOT_RUNNING' });
    expect(heard.every((said) => said.startsWith('GET /api/proof?nonce='))).toBe(true);
  });

  test('what was heard on one connection is worth nothing on another', async () => {
    const rig = await runDaemon({ 'loras/a.safetensors': 100 });
    const { url } = rig.client.daemon;
    const proof = await fetch(`${url}/api/proof?nonce=${newNonce()}`);
    for (const given of Object.values((await proof.json()) as Record<string, string>)) {
      const headers = { authorization: `Autocached ${'0'.repeat(64)} ${given}` };
      expect((await fetch(`${url}/api/jobs`, { headers })).status).toBe(401);
    }
  });

  test('that stands at the very address of the daemon cannot change a word of an answer, or ask for anything itself', async () => {
    const hosts = new Set<string>();
    const token = 'a'.repeat(64);
    const app = createApp(createServices().services, { token, hosts });
    onTestFinished(() => app.close());
    const real = await app.listen({ host: '127.0.0.1', port: 0 });
    let change = (text: string) => text;
    const { url, heard } = await relay(() => real, { answer: (text) => change(text) });
    hosts.add(new URL(url).host);
    const calls = new DaemonCalls();
    const call = { method: 'GET', path: '/api/jobs', connectMs: 2_000, answerMs: 5_000 };
    expect(await calls.call({ url, token }, call)).toMatchObject({ status: 200 });
    const [{ authorization }] = heard.slice(-1).map((said) => JSON.parse(/\{.*\}/.exec(said)?.[0] ?? '{}'));
    expect(authorization).toMatch(/^Autocached /);
    expect((await fetch(`${real}/api/jobs`, { headers: { authorization, host: new URL(url).host } })).status).not.toBe(200);
    change = (text) => text.replace('"jobs"', '"jobz"');
    await expect(calls.call({ url, token }, call)).rejects.toThrow('not the daemon');
  });
});
