import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { chunkSize } from '../../../src/codec/chunk-hash.ts';
import { huggingFace } from '../../../src/sources/drivers/http/hugging-face.ts';
import { remoteDriver } from '../../../src/sources/drivers/remote/remote-driver.ts';
import { openPosixTier } from '../../../src/tiers/posix-tier.ts';
import type { CopyHooks } from '../../../src/transfer/each-block.ts';
import { runCopyJob } from '../../../src/transfer/run-copy-job.ts';
import { quiet } from '../../helpers/hooks.ts';
import { signature } from '../../helpers/hub-protocol.ts';
import { endingFaults, passingFaults, stall } from '../../helpers/object-faults.ts';
import { copyOrder } from '../../helpers/orders.ts';
import { tempDir } from '../../helpers/temp-dir.ts';
import { fileAt } from '../subject.ts';
import { hubRemote, hubSubject, RemoteSubject, s3Subject } from './remote-subject.ts';

/** Does not give up. */
const patient = { silentMs: 60_000, deadMs: 300_000, slowMs: 300_000, looks: 10, pauseMs: { first: 1, longest: 5 } };
const rel = 'checkpoints/a.safetensors';

async function arrange(subject: RemoteSubject, size: number, silentMs = patient.silentMs) {
  const bytes = randomBytes(size);
  await subject.put(rel, bytes);
  const { root, store } = subject;
  const driver = remoteDriver({ root, store, patience: { ...patient, silentMs } });
  const tier = openPosixTier('ssd', join(tempDir(), 'cache'));
  const place = tier.placeOf(root, rel);
  const source = await fileAt({ driver, root }, rel);
  const order = copyOrder({ id: 1, source, temp: join(tier.partialDir, 'a.part'), ...place, network: true });
  const copy = (hooks: Partial<CopyHooks> = {}) => runCopyJob(order, { ...quiet(), ...hooks }, () => driver);
  return { bytes, driver, tier, place, copy, server: subject.server };
}

test('bytes with another checksum than the service tells are refused, and nothing of them is kept', async () => {
  const subject = await s3Subject();
  const { copy, place, tier } = await arrange(subject, 2 * chunkSize);
  await subject.publish(rel, 'ab'.repeat(32));
  await expect(copy()).rejects.toMatchObject({ code: 'HASH_MISMATCH' });
  expect([existsSync(place.path), readdirSync(tier.partialDir)]).toEqual([false, []]);
});

test('a part that stalls is asked for again from where it stands', { tags: 'slow' }, async () => {
  const { copy, place, bytes, server } = await arrange(await s3Subject(), 3 * chunkSize, 3_000);
  let stalled = 0;
  server.faultFor = (_asked, { holds }) => (holds && ++stalled === 1 ? stall : null);
  await copy();
  expect(readFileSync(place.path).equals(bytes)).toBe(true);
  expect(server.bytesSent).toBeLessThan(bytes.length);
});

test('a part that takes long tells of its bytes as they arrive', async () => {
  const subject = await s3Subject();
  const { driver, server, bytes } = await arrange(subject, chunkSize);
  const open = await driver.open(await fileAt({ driver, root: subject.root }, rel));
  server.faultFor = (_asked, { holds }) => (holds ? stall : null);
  const arrived = Promise.withResolvers<void>();
  const reading = open.read(Buffer.alloc(bytes.length), 0, arrived.resolve).catch((error: unknown) => error);
  await arrived.promise;
  await open.close();
  await expect(reading).resolves.toMatchObject({ code: 'CANCELLED' });
});

test('a storm of SlowDown is waited out, and the copy is whole', { tags: 'slow' }, async () => {
  const { copy, place, bytes, server } = await arrange(await s3Subject(), 5 * chunkSize);
  let storm = 0;
  server.faultFor = (_asked, { holds }) => (holds && ++storm < 60 ? (passingFaults['slowDown'] ?? null) : null);
  await copy();
  expect(storm).toBeGreaterThanOrEqual(60);
  expect(readFileSync(place.path).equals(bytes)).toBe(true);
});

test('an object that changes half-way ends its copy, and the next one has the new bytes alone', { tags: 'slow' }, async () => {
  const subject = await s3Subject();
  const { copy, place, server, tier } = await arrange(subject, 12 * chunkSize);
  const other = randomBytes(12 * chunkSize);
  let parts = 0;
  server.faultFor = (_asked, { holds }) => {
    if (holds && ++parts === 6) void subject.put(rel, other);
    return null;
  };
  await expect(copy()).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
  expect([existsSync(place.path), readdirSync(tier.partialDir)]).toEqual([false, []]);
  for (const fault of Object.values(endingFaults)) {
    server.faultFor = (_asked, { holds }) => (holds ? fault : null);
    await expect(copy()).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
  }
});

test('a copy that was ended goes on where it was, and reads nothing twice that is there', { tags: 'slow' }, async () => {
  const { copy, place, bytes, server } = await arrange(await s3Subject(), 12 * chunkSize + 5);
  const abort = new AbortController();
  const progress = (done: number) => {
    if (done >= 4 * chunkSize) abort.abort();
  };
  await expect(copy({ progress, signal: abort.signal })).rejects.toMatchObject({ code: 'CANCELLED' });
  server.bytesSent = 0;
  const { resumedFrom } = await copy();
  expect(resumedFrom).toBeGreaterThanOrEqual(4 * chunkSize);
  expect(server.bytesSent).toBe(bytes.length - resumedFrom);
  expect(readFileSync(place.path).equals(bytes)).toBe(true);
});

test('a signed address that expires is asked for again', { tags: 'slow' }, async () => {
  const { copy, place, bytes, server } = await arrange(await hubSubject(), 12 * chunkSize);
  const first = signature.valid;
  let parts = 0;
  server.faultFor = (_asked, { holds }) => {
    if (holds && ++parts === 3) signature.valid = 'second';
    return null;
  };
  await copy();
  signature.valid = first;
  expect(readFileSync(place.path).equals(bytes)).toBe(true);
  expect(server.requests.some((request) => request.includes('signature=second'))).toBe(true);
});

test('a token goes to the service alone, and no failure says it, nor a signed address', async () => {
  const { server } = await hubSubject();
  const token = 'hf_verysecrettoken';
  const store = huggingFace(hubRemote(), { address: server.url, token });
  const subject = new RemoteSubject(server, store);
  const { copy } = await arrange(subject, 1000);
  await copy();
  const told = server.seen.map(({ authorization }, at) => [server.requests[at]?.includes('/cdn/'), authorization]);
  expect(told).toContainEqual([false, `Bearer ${token}`]);
  expect(told).not.toContainEqual([true, expect.anything()]);
  for (const how of ['away', 'denied', 'io'] as const) {
    subject.breakDown(how);
    const failure: unknown = await subject.driver.stat(join(subject.root, rel)).catch((error: unknown) => error);
    const all = failure as Error;
    expect(`${all.message} ${all.stack} ${JSON.stringify(all, Object.getOwnPropertyNames(all))}`).not.toMatch(
      /verysecret|signature=/,
    );
    expect(all.cause).toBeUndefined();
  }
});
