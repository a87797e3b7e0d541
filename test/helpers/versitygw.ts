import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import { freePort } from '../../bench/free-port.ts';
import type { Protocol } from './object-server.ts';
import { patience } from './patience.ts';
import { bucket } from './s3-protocol.ts';

const folders = [...(process.env['PATH'] ?? '').split(delimiter), join(homedir(), '.cache', 'autocached-ci')];
const program = folders.map((folder) => join(folder, 'versitygw')).find(existsSync);

/** Why there is no real S3 server here, or null. */
export const noVersitygw = program === undefined ? 'versitygw is not installed' : null;

export const credentials = { accessKeyId: 'AKtest', secretAccessKey: 'SKtest12' };

/** A time in the past, seconds. */
const someTime = 1_700_000_000;

/** A real S3 server over a directory of this machine, which checks signatures; gone when it is disposed of. */
export class Versitygw implements AsyncDisposable {
  readonly endpoint: string;
  readonly #dir: string;
  readonly #child: ChildProcess;
  readonly #client: S3Client;

  private constructor(port: number, dir: string) {
    this.endpoint = `http://127.0.0.1:${port}`;
    this.#dir = dir;
    const { accessKeyId, secretAccessKey } = credentials;
    const args = ['--port', `127.0.0.1:${port}`, '--access', accessKeyId, '--secret', secretAccessKey, '--region', 'us-east-1'];
    this.#child = spawn(program ?? '', [...args, '--quiet', '--keep-alive', 'posix', dir], { stdio: 'ignore' });
    this.#client = new S3Client({ endpoint: this.endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  }

  static async start(): Promise<Versitygw> {
    const dir = mkdtempSync(join(tmpdir(), 'autocached-versitygw-'));
    const server = new Versitygw(await freePort(), dir);
    const isUp = () =>
      server.#client.send(new CreateBucketCommand({ Bucket: bucket })).then(
        () => true,
        () => false,
      );
    await expect.poll(isUp, { timeout: patience(30_000), interval: 100 }).toBe(true);
    return server;
  }

  /** @param checksum a SHA-256, or that the server shall keep a CRC */
  async put(key: string, bytes: Buffer, checksum?: string): Promise<void> {
    const kept =
      checksum === 'crc64nvme'
        ? ({ ChecksumAlgorithm: 'CRC64NVME' } as const)
        : checksum !== undefined && { ChecksumSHA256: Buffer.from(checksum, 'hex').toString('base64') };
    await this.#client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes, ...kept }));
    utimesSync(join(this.#dir, bucket, key), someTime, someTime);
  }

  empty(): void {
    rmSync(join(this.#dir, bucket), { recursive: true, force: true });
    mkdirSync(join(this.#dir, bucket));
  }

  /** Puts an object where the server keeps its own, past it: without an ETag. */
  place(key: string, bytes: Buffer, seconds = someTime): void {
    const path = join(this.#dir, bucket, key);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
    utimesSync(path, seconds, seconds);
  }

  /** Takes the bucket away, or all that is in it. */
  vanish(how: 'gone' | 'empty'): void {
    if (how === 'empty') this.empty();
    else rmSync(join(this.#dir, bucket), { recursive: true });
  }

  async remove(key: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
    const ended = once(this.#child, 'exit');
    if (this.#child.exitCode === null && this.#child.kill('SIGKILL')) await ended;
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** Passes requests on to a server as they are, so that their signatures hold. */
export function relayTo(endpoint: string): Protocol {
  const { hostname, port } = new URL(endpoint);
  return async ({ method, url, headers, body }) => {
    const outgoing = request({ hostname, port, method, path: url.pathname + url.search, headers, agent: false });
    outgoing.end(body);
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    const { statusCode: status = 0 } = incoming;
    const { connection: _, 'transfer-encoding': __, 'keep-alive': ___, ...kept } = incoming.headers;
    const about = url.searchParams.get('prefix') ?? decodeURIComponent(url.pathname.split('/').slice(2).join('/'));
    const bytes = await buffer(incoming);
    const holds = method === 'GET' && !url.searchParams.has('list-type') && status < 300;
    return { status, headers: kept as Record<string, string>, body: bytes, about: about.replace(/\/$/, ''), holds };
  };
}
