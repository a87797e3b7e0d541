import { createHash } from 'node:crypto';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { onTestFinished } from 'vitest';
import { parseSharedStore } from '../../src/config/shared-store.ts';
import { S3Writer } from '../../src/sources/drivers/s3/s3-writer.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { patience } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { credentials, Versitygw } from '../helpers/versitygw.ts';

export const MiB = 2 ** 20;
const environment = { AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey };
export const eventually = { timeout: patience(60_000), interval: 100 };
export const model = 'checkpoints/a.safetensors';

/** A store of its own for each test. */
export async function newStore() {
  // Files of tests share a process, whose environment is that of its start for each.
  Object.assign(process.env, environment);
  const server = await Versitygw.start();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const address = (limit: string) => `s3://models/farm?endpoint=${server.endpoint}&region=us-east-1&limit=${limit}`;
  const store = parseSharedStore(address('1GiB'));
  if (!store) throw new Error('no store');
  return { server, address, writer: new S3Writer(store.at, { partBytes: 5 * MiB }), at: store.at };
}

/** A host whose models are those of all: equal names, bytes and times. */
export async function hostOf(shared: string, models: Record<string, Buffer>, settings: Record<string, string> = {}) {
  const dir = tempDir();
  /** Puts files into its folder. @param seconds their time */
  const give = (files: Record<string, Buffer>, seconds = 1_700_000_000) => {
    for (const [name, bytes] of Object.entries(files)) {
      const path = join(dir, 'models', name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes);
      utimesSync(path, seconds, seconds);
    }
  };
  give(models);
  const host = await runDaemon({}, { AUTOCACHE_SHARED: shared, ...environment, ...settings }, dir);
  const lookup = (name: string) =>
    host.client.lookup({ path: join(host.root, name), waitMs: patience(30_000), purpose: 'load', client: null });
  const view = async () => (await host.client.farm()).shared;
  return {
    root: host.root,
    give,
    restart: host.restart,
    lookup,
    view,
    get client() {
      return host.client;
    },
  };
}

export const sha256Of = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
export const bytesOf = (fill: string, size = 6 * MiB) => Buffer.alloc(size, fill);

/** Uploads that were begun in a store and have not ended. */
export async function begunIn({ endpoint }: Pick<Versitygw, 'endpoint'>): Promise<number> {
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: 'models' }));
  client.destroy();
  return Uploads.length;
}
