import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { chunkSize } from '../../src/codec/chunk-hash.ts';
import { connectionKey } from '../../src/farm/farm-key.ts';
import { PeerClient } from '../../src/farm/peer-client.ts';
import { ciphers, commonVersion, type Hello } from '../../src/farm/peer-wire.ts';
import { patience } from '../helpers/patience.ts';
import { leftOut, noRedis, startRedis } from '../helpers/redis.ts';
import { farmOn, idOf, nasWith } from './farm-hosts.ts';

vi.mock('../../src/farm/farm-link.ts', async () => ({ farmLink: (await import('./farm-hosts.ts')).patientLink }));

const size = 5 * chunkSize + 4321;
const key = Buffer.alloc(32, 9);

/** The listener of a later version, which knows the paths of version 2 only. @returns its address and the paths it was asked for */
async function laterListener(secret: Buffer) {
  const asked: string[] = [];
  const server = createServer(
    { pskCallback: () => connectionKey(secret), ciphers, minVersion: 'TLSv1.2' },
    ({ url = '' }, response) => {
      asked.push(url);
      const hello: Hello = { version: 2, lowest: 2, host: 'later', farm: 'home' };
      if (url !== '/peer/v1/hello' && url !== '/peer/v2/hello') response.writeHead(404).end();
      else response.end(JSON.stringify(hello));
    },
  );
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => void server.close());
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

test('12: the hello of a later version is understood, and says that nothing else is', async () => {
  const { url } = await laterListener(key);
  using client = new PeerClient({ host: 'this', key });
  const hello = await client.hello(url);
  expect(hello).toEqual({ version: 2, lowest: 2, host: 'later', farm: 'home' });
  expect(commonVersion({ lowest: hello?.lowest ?? 0, highest: hello?.version ?? 0 })).toBeNull();
});

describe.skipIf(noRedis !== null)(`hosts of several versions in one farm${leftOut}`, { timeout: patience(120_000) }, () => {
  test('12: a host that speaks a later version only is asked for nothing, and others go on sharing', {
    tags: 'slow',
  }, async () => {
    const start = farmOn(await startRedis());
    const nas = nasWith(size);
    const { url, asked } = await laterListener(key);
    await (await start({ wire: { lowest: 2, highest: 2 }, url })).copy(nas);
    const [host, other] = [await start(), await start()];
    const { farm } = await host.copy(nas);
    // Its word on what it has still stands.
    const entry = other.directory.join({ id: await idOf(nas), chunks: 6, origin: 'o', slots: 1 }, other.name);
    expect((await entry.holders()).holders).toHaveLength(2);
    expect(farm).toMatchObject({ originBytes: size, peers: {} });
    expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
    expect(host.notes.filter(({ is }) => is === 'peer')).toEqual([]);
    expect(asked).toEqual([]);
    expect((await other.copy(nas)).farm?.peers[host.name]).toBeGreaterThan(0);
    expect(other.bytes(nas).equals(nas.bytes)).toBe(true);
  });

  test('what a host has read that only takes is read again by the next one at once', { tags: 'slow' }, async () => {
    const start = farmOn(await startRedis());
    const nas = nasWith(size);
    const taker = await start({ url: null });
    await taker.copy(nas);
    const host = await start();
    const lost = host.directory.join({ id: await idOf(nas), chunks: 6, origin: 'o', slots: 1 }, host.name);
    expect((await lost.holders()).holders).toMatchObject([{ host: taker.name }]);
    expect((await host.copy(nas)).farm).toMatchObject({ originBytes: size, peers: {} });
    expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
    // Its word still stood: nothing was waited for.
    expect((await lost.holders()).holders.map((one) => one.host)).toContain(taker.name);
  });

  test('12: with a host that speaks a later version too, the rules of the lower one hold', { tags: 'slow' }, async () => {
    const start = farmOn(await startRedis());
    const nas = nasWith(size);
    const later = await start({ wire: { lowest: 1, highest: 2 } });
    await later.copy(nas);
    const host = await start();
    expect((await host.copy(nas)).farm?.peers[later.name]).toBeGreaterThan(0);
    expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
  });
});
