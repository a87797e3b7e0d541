import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseRemotes } from '../../src/config/remotes.ts';
import { placeOf } from '../../src/remotes/place.ts';
import { createLog, type Log } from '../../src/runtime/log.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { writeWeights } from '../helpers/files.ts';
import { ObjectServer } from '../helpers/object-server.ts';
import { soon } from '../helpers/patience.ts';
import { s3Protocol } from '../helpers/s3-protocol.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const long = { timeout: 180_000 };
const far = 'checkpoints/far.safetensors';
const secretKey = 'hush-hush-hush';
const credentials = { AWS_ACCESS_KEY_ID: 'AKtest', AWS_SECRET_ACCESS_KEY: secretKey };
// Processes that read sources have the environment of this one; those that copy have the daemon's.
Object.assign(process.env, credentials);

/** A daemon with a local model, and a bucket with these objects. */
async function withBucket(objects: Record<string, Buffer>, settings: Record<string, string> = {}, log?: Log) {
  const server = await ObjectServer.start(s3Protocol);
  onTestFinished(() => server[Symbol.asyncDispose]());
  for (const [key, bytes] of Object.entries(objects)) server.put(key, bytes);
  const config = `main=s3://models?endpoint=${server.url}&region=us-east-1&price=1024`;
  const daemon = await runDaemon(
    { 'loras/near.safetensors': 1000 },
    { AUTOCACHE_REMOTES: config, ...credentials, ...settings },
    undefined,
    log ? { log } : {},
  );
  const [remote] = parseRemotes(config);
  if (!remote) throw new Error('there is no remote');
  const placeholder = (key: string) => join(placeOf(remote, daemon.stateDir), key);
  for (const key of Object.keys(objects)) await expect.poll(() => existsSync(placeholder(key)), { timeout: 60_000 }).toBe(true);
  const lookup = (path: string, waitMs = 0) => daemon.client.lookup({ path, waitMs, purpose: 'load', client: null });
  return { server, daemon, placeholder, lookup };
}

describe('a model that lies in a bucket only', () => {
  test('is copied for who waits, byte for byte; the next one, and one with the bucket away, reads nothing', long, async () => {
    const bytes = Buffer.alloc(3_000_000, 'model');
    const { server, lookup, placeholder } = await withBucket({ [far]: bytes });
    const answer = await lookup(placeholder(far), 60_000);
    expect(answer).toMatchObject({ reason: 'HIT_AFTER_WAIT', tier: 'ssd' });
    expect(readFileSync(answer.path).equals(bytes)).toBe(true);
    const sent = server.bytesSent;
    expect(await lookup(placeholder(far))).toMatchObject({ path: answer.path, reason: 'HIT' });
    await server[Symbol.asyncDispose]();
    expect(await lookup(placeholder(far))).toMatchObject({ path: answer.path, reason: 'HIT' });
    expect(server.bytesSent).toBe(sent);
  });

  test('has no path for who does not wait: an error that says why', long, async () => {
    const { lookup, placeholder } = await withBucket({ [far]: Buffer.alloc(100_000, 'm') });
    await expect(lookup(placeholder(far))).rejects.toMatchObject({
      code: 'NO_COPY',
      message: expect.stringMatching(/^far\.safetensors lies on a remote only, and there is no copy of it: /),
    });
  });

  test('has no path while the bucket does not give it: the error says what went wrong, without a secret', {
    ...long,
    tags: 'slow',
  }, async () => {
    const { server, lookup, placeholder } = await withBucket({ [far]: Buffer.alloc(100_000, 'm') });
    server.faultFor = () => (_, response) => void response.writeHead(403).end();
    const error = await lookup(placeholder(far), 60_000).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'NO_COPY' });
    expect(error.message).not.toContain(secretKey);
    server.faultFor = () => null;
    expect(await lookup(placeholder(far), 60_000)).toMatchObject({ tier: 'ssd' });
  });
});

test('neither the log nor any answer of the daemon has a secret, while the bucket repeats it in its errors', {
  ...long,
  tags: 'slow',
}, async () => {
  const out = new PassThrough();
  const lines: string[] = [];
  out.on('data', (line) => lines.push(String(line)));
  const settings = { AUTOCACHE_LOG: 'trace' };
  const log = createLog({ level: 'trace', form: 'json' }, out);
  const { server, daemon, lookup, placeholder } = await withBucket({ [far]: Buffer.alloc(100_000, 'm') }, settings, log);
  server.faultFor = () => (_, response) => {
    response.writeHead(403, { 'content-type': 'application/xml' });
    response.end(`<Error><Code>SignatureDoesNotMatch</Code><StringToSign>${secretKey}</StringToSign></Error>`);
  };
  const asked = [await lookup(placeholder(far), 60_000).catch((error) => JSON.stringify(error))];
  const { paths } = await daemon.client.ask<{ paths: Record<string, object> }>('GET', '/api/openapi.json');
  for (const [path, methods] of Object.entries(paths)) {
    if (!('get' in methods) || /events|logs|dashboard|\{/.test(path)) continue;
    const query = `?path=${encodeURIComponent(placeholder(far))}`;
    asked.push(await daemon.client.ask('GET', path + query).then(JSON.stringify, (error) => JSON.stringify(error)));
  }
  expect(asked.length).toBeGreaterThan(10);
  await expect.poll(() => lines.join(''), soon()).toContain('far.safetensors');
  const said = `${lines.join('')}${asked.join('')}`;
  expect(said).not.toContain(secretKey);
  expect(said).not.toMatch(/X-Amz-Signature|AWS4-HMAC/i);
});

test('what was read from a remote is counted, in bytes, requests and money', { ...long, tags: 'slow' }, async () => {
  const { server, daemon, lookup, placeholder } = await withBucket({ [far]: Buffer.alloc(2 ** 20, 'm') });
  await lookup(placeholder(far), 60_000);
  const month = async () => (await daemon.client.remotes()).remotes[0]?.months[0];
  const bytes = server.bytesSent;
  const cost = { amount: bytes / 2 ** 20, currency: 'USD' };
  expect(bytes).toBeGreaterThanOrEqual(2 ** 20);
  await expect.poll(month, { timeout: 30_000 }).toMatchObject({ bytes, cost });
  const [remote] = (await daemon.client.remotes()).remotes;
  expect(remote).toMatchObject({
    name: 'main',
    url: 's3://models',
    driver: 's3',
    category: null,
    health: 'ok',
    monthlyLimit: null,
  });
  await daemon.restart();
  expect(await month()).toMatchObject({ bytes });
});

test('every request to a remote is counted: listings, headers, and those that fail', long, async () => {
  const { server, daemon, lookup, placeholder } = await withBucket({
    [far]: writeWeights(join(tempDir(), 'a.safetensors'), 100_000),
  });
  const counted = async () => (await daemon.client.remotes()).remotes[0]?.months[0]?.requests;
  const allCounted = () => expect.poll(counted, { timeout: 30_000 }).toBe(server.requests.length);
  expect(server.requests.length).toBeGreaterThan(0);
  await allCounted();
  await daemon.client.ask('GET', `/api/remote/header?path=${encodeURIComponent(placeholder(far))}`);
  await allCounted();
  server.faultFor = () => (_, response) => void response.writeHead(403).end();
  const before = server.requests.length;
  await expect(lookup(placeholder(far), 60_000)).rejects.toMatchObject({ code: 'NO_COPY' });
  expect(server.requests.length).toBeGreaterThan(before);
  await allCounted();
});

test('beyond AUTOCACHE_REMOTE_MONTHLY only a file that is waited for is read', { ...long, tags: 'slow' }, async () => {
  const { server, daemon, lookup, placeholder } = await withBucket(
    { [far]: Buffer.alloc(2 ** 20, 'm') },
    { AUTOCACHE_REMOTE_MONTHLY: '100KiB' },
  );
  const { items } = await daemon.client.warm({ paths: [placeholder(far)], wait: true });
  expect(items[0]).toMatchObject({ ready: false, message: expect.stringContaining('of 100 KiB') });
  expect(server.bytesSent).toBe(0);
  expect(await lookup(placeholder(far), 60_000)).toMatchObject({ tier: 'ssd' });
});

test('the header of a file is read once, and is the true one', long, async () => {
  const bytes = writeWeights(join(tempDir(), 'a.safetensors'), 100_000);
  const { server, daemon, placeholder } = await withBucket({ [far]: bytes });
  const ask = () => daemon.client.ask('GET', `/api/remote/header?path=${encodeURIComponent(placeholder(far))}`);
  const length = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
  expect(await ask()).toEqual({ path: placeholder(far), size: bytes.length, header });
  const requests = server.requests.length;
  expect(await ask()).toMatchObject({ header });
  expect(server.requests.length).toBe(requests);
  await expect(daemon.client.ask('GET', '/api/remote/header?path=/etc/passwd')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('a local model is looked for on no remote', { ...long, tags: 'slow' }, async () => {
  const { server, daemon } = await withBucket({ [far]: Buffer.alloc(1000, 'm') });
  const requests = server.requests.length;
  await daemon.client.warm({ names: ['loras/near.safetensors'], wait: true });
  await daemon.client.lookup({ category: 'loras', name: 'near.safetensors', purpose: 'load', waitMs: 10_000, client: null });
  expect(server.requests.length).toBe(requests);
});

test('remotes come from the configuration only, and go with it', { ...long, tags: 'slow' }, async () => {
  const { daemon, placeholder } = await withBucket({ [far]: Buffer.alloc(1000, 'm') });
  await expect(daemon.client.ask('POST', '/api/roots', { body: { roots: [{ path: 's3://models' }] } })).rejects.toThrow();
  await expect(daemon.client.changeConfig({ remotes: 'x=s3://other' })).rejects.toThrow('cannot change');
  await expect(daemon.client.forgetRoots({ paths: [placeholder('')], copies: false })).rejects.toThrow('settings');
  await daemon.restart({ AUTOCACHE_REMOTES: '' });
  expect((await daemon.client.remotes()).remotes).toEqual([]);
  expect(readdirSync(join(daemon.stateDir, 'remotes'))).toEqual(['folders.json']);
});
