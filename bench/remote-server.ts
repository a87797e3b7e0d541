import { spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { closeSync, createReadStream, existsSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { freePort } from './free-port.ts';

const folders = [...(process.env['PATH'] ?? '').split(delimiter), join(homedir(), '.cache', 'autocached-ci')];

/** A real S3 server over a directory below `dir`; null where it is not installed. */
export async function startVersitygw(dir: string) {
  const program = folders.map((folder) => join(folder, 'versitygw')).find(existsSync);
  if (program === undefined) return null;
  const port = await freePort();
  const buckets = join(dir, 'buckets');
  mkdirSync(buckets);
  const credentials = { accessKeyId: 'AKtest', secretAccessKey: 'SKtest12' };
  const args = ['--port', `127.0.0.1:${port}`, '--access', credentials.accessKeyId, '--secret', credentials.secretAccessKey];
  const child = spawn(program, [...args, '--region', 'us-east-1', '--quiet', '--keep-alive', 'posix', buckets], {
    stdio: 'ignore',
  });
  process.once('exit', () => child.kill('SIGKILL'));
  const client = new S3Client({ endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', forcePathStyle: true, credentials });
  const bucket = 'models';
  for (let isUp = false; !isUp; await sleep(100))
    isUp = await client.send(new CreateBucketCommand({ Bucket: bucket })).then(
      () => true,
      () => false,
    );
  const upload = async (key: string, size: number) => {
    const path = join(dir, 'upload');
    writeRandom(path, size);
    const input = { Bucket: bucket, Key: key, Body: createReadStream(path), ContentLength: size };
    await new S3Client({
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials,
      requestChecksumCalculation: 'WHEN_REQUIRED',
    }).send(new PutObjectCommand(input));
    rmSync(path);
  };
  return { port, bucket, credentials, upload, [Symbol.asyncDispose]: async () => void child.kill('SIGKILL') };
}

function writeRandom(path: string, size: number): void {
  const block = Buffer.alloc(4 * 2 ** 20);
  const fd = openSync(path, 'w');
  for (let at = 0; at < size; at += block.length)
    writeSync(fd, randomFillSync(block).subarray(0, Math.min(block.length, size - at)));
  closeSync(fd);
}
