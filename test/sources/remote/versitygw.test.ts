import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { Crc64 } from '../../../src/codec/crc64.ts';
import { S3Store } from '../../../src/sources/drivers/s3/s3-store.ts';
import { ObjectServer, type Reply } from '../../helpers/object-server.ts';
import { credentials, noVersitygw, relayTo, Versitygw } from '../../helpers/versitygw.ts';
import { driverContract } from '../driver.contract.ts';
import { fileAt } from '../subject.ts';
import { copyUnderFaults } from './injected-faults.ts';
import { RemoteSubject, s3Remote, useCredentials } from './remote-subject.ts';

/** One for all tests: each begins with an empty bucket. */
let starting: Promise<Versitygw> | undefined;

afterAll(async () => (await starting)?.[Symbol.asyncDispose]());

/** A real server behind a relay that can break. */
class RealSubject extends RemoteSubject {
  readonly real: Versitygw;
  readonly #bytes = new Map<string, Buffer>();
  readonly #published = new Map<string, string>();

  constructor(real: Versitygw, relay: ObjectServer) {
    super(relay, new S3Store(s3Remote(relay.url)));
    this.real = real;
  }

  static async create(): Promise<RealSubject> {
    useCredentials(credentials.accessKeyId, credentials.secretAccessKey);
    starting ??= Versitygw.start();
    const real = await starting;
    real.empty();
    const passOn = relayTo(real.endpoint);
    const relay = await ObjectServer.start(async (asked, server) => subject.tell(await passOn(asked, server)));
    onTestFinished(() => relay[Symbol.asyncDispose]());
    const subject: RealSubject = new RealSubject(real, relay);
    return subject;
  }

  /** Says what is published: the server itself takes no wrong checksum. */
  tell(reply: Reply | null): Reply | null {
    if (reply === null) return null;
    const sha256 = this.#published.get(reply.about);
    const base64 = Buffer.from(sha256 ?? '', 'hex').toString('base64');
    return sha256 === undefined ? reply : { ...reply, headers: { ...reply.headers, 'x-amz-checksum-sha256': base64 } };
  }

  override put = async (rel: string, bytes: Buffer): Promise<void> => {
    this.#bytes.set(rel, bytes);
    await this.real.put(rel, bytes);
  };

  override publish = (rel: string, sha256: string): void => {
    this.#published.set(rel, sha256);
  };

  override remove = (rel: string) => this.real.remove(rel);

  override truncate = (rel: string, size: number) => this.put(rel, this.#bytes.get(rel)?.subarray(0, size) ?? Buffer.alloc(0));

  override vanish = (how: 'gone' | 'empty'): void => this.real.vanish(how);
}

driverContract('a real S3 server', RealSubject.create, noVersitygw);

test.skipIf(noVersitygw !== null)('the checksums that a real S3 server keeps are those of our own', async () => {
  const subject = await RealSubject.create();
  const bytes = randomBytes(100_000);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await subject.real.put('a.safetensors', bytes, sha256);
  expect(await subject.driver.published(join(subject.root, 'a.safetensors'))).toMatchObject({ sha256 });
  await subject.real.put('b.safetensors', bytes, 'crc64nvme');
  const crc = new Crc64();
  crc.update(bytes);
  const open = await subject.driver.open(await fileAt(subject, 'b.safetensors'));
  expect(open.proof).toMatchObject({ kind: 'crc64nvme', value: crc.digest() });
  await open.close();
});

test.skipIf(noVersitygw !== null)('who signs with another key is told so, and neither key is', async () => {
  const subject = await RealSubject.create();
  await subject.put('a.safetensors', Buffer.from('x'));
  useCredentials(credentials.accessKeyId, 'another-secret');
  const other = new RemoteSubject(subject.server, new S3Store(s3Remote(subject.server.url)));
  const failure = await other.driver.stat(join(other.root, 'a.safetensors')).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'NOT_PERMITTED' });
  expect(JSON.stringify(failure, Object.getOwnPropertyNames(failure))).not.toMatch(/another-secret|SKtest12/);
});

test.skipIf(noVersitygw !== null)('a bucket is listed by pages', async () => {
  const subject = await RealSubject.create();
  const names = Array.from({ length: 1100 }, (_, at) => `loras/${at} +ä.safetensors`);
  for (const name of names) subject.real.place(name, Buffer.from(name));
  const rels: string[] = [];
  const listing = await subject.driver.list(subject.root, { onBatch: (batch) => rels.push(...batch.rels) });
  expect([listing.files, rels.sort()]).toEqual([names.length, names.sort()]);
});

test.skipIf(noVersitygw !== null)(
  'a file that was put into the directory past the server is read, whatever part of a second it has',
  async () => {
    const subject = await RealSubject.create();
    const bytes = randomBytes(100_000);
    subject.real.place('loras/past.safetensors', bytes, 1_700_000_000.7);
    const open = await subject.driver.open(await fileAt(subject, 'loras/past.safetensors'));
    const read = Buffer.alloc(bytes.length);
    expect([await open.read(read, 0), read.equals(bytes)]).toEqual([bytes.length, true]);
    subject.real.place('loras/past.safetensors', randomBytes(100_000), 1_700_000_003);
    await expect(open.read(read, 0)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
    await open.close();
  },
);

test.skipIf(noVersitygw !== null)(
  'under a real S3 server that goes wrong every other time, no copy has a wrong byte',
  { tags: 'slow', timeout: 300_000 },
  async () => {
    const subject = await RealSubject.create();
    expect((await copyUnderFaults(subject, 100)).faults).toBe(100);
  },
);
