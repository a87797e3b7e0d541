import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { chunkSize } from '../../src/codec/chunk-hash.ts';
import { ChunkSet } from '../../src/farm/chunk-set.ts';
import { PeerServer, type PeerServerOptions, type SharedContent } from '../../src/farm/peer-server.ts';
import { placeOf } from '../../src/farm/peer-wire.ts';
import { createLog } from '../../src/runtime/log.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** The name of the content that `shareCopy` shares. */
export const name = 'a'.repeat(64);
export const key = Buffer.alloc(32, 7);

export interface SharedCopy {
  path: string;
  server: PeerServer;
  url: string;
  bytes: Buffer;
  content: SharedContent;
  hashes: Map<number, string>;
}

/** A host that has a copy of two and a half chunks, and gives it. */
export async function shareCopy(more: Partial<PeerServerOptions> = {}): Promise<SharedCopy> {
  const bytes = randomBytes(2.5 * chunkSize);
  const path = join(tempDir(), 'copy');
  writeFileSync(path, bytes);
  const hashes = new Map([0, 1, 2].map((chunk) => [chunk, sha256(partOf(bytes, chunk))]));
  const content: SharedContent = { open: () => open(path, 'r'), size: bytes.length, has: ChunkSet.all(3), hashes };
  const server = await PeerServer.listen({
    farm: 'home',
    host: 'h1',
    key,
    listen: { host: '127.0.0.1', port: 0 },
    contentOf: (asked) => (asked === name ? content : undefined),
    turn: async (bytes) => bytes,
    log: createLog({ level: 'silent', form: 'json' }),
    ...more,
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return { path, server, url: `https://127.0.0.1:${server.port}`, bytes, content, hashes };
}

export function partOf(bytes: Buffer, chunk: number): Buffer {
  const { from, end } = placeOf(chunk, bytes.length);
  return bytes.subarray(from, end);
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
