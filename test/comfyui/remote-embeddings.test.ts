import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startComfyui } from '../helpers/comfyui-process.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { ObjectServer } from '../helpers/object-server.ts';
import { soon } from '../helpers/patience.ts';
import { s3Protocol } from '../helpers/s3-protocol.ts';

const credentials = { AWS_ACCESS_KEY_ID: 'AKtest', AWS_SECRET_ACCESS_KEY: 'hush' };
// Processes that read sources have the environment of this one; those that copy have the daemon's.
Object.assign(process.env, credentials);

const style = Buffer.alloc(3000, 'style');
const large = Buffer.alloc(17 * 2 ** 20, 'large');
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** A daemon over a bucket with two embeddings and a LoRA, and a ComfyUI with a folder of embeddings that is empty. */
async function withBucket() {
  const server = await ObjectServer.start(s3Protocol);
  onTestFinished(() => server[Symbol.asyncDispose]());
  server.put('embeddings/far-style.pt', style);
  server.put('embeddings/large.pt', large);
  server.put('loras/far.safetensors', Buffer.alloc(5000, 'lora'));
  const { client, root, stateDir } = await runDaemon(
    { 'loras/near.safetensors': 1000 },
    { AUTOCACHE_REMOTES: `main=s3://models?endpoint=${server.url}&region=us-east-1`, ...credentials },
  );
  mkdirSync(join(root, 'embeddings'));
  const cached = async () => (await client.entries({ cached: true })).entries.map(({ name }) => name);
  await expect.poll(async () => (await client.remotes()).remotes[0]?.files, soon()).toBe(3);
  const comfyui = await startComfyui(root, stateDir);
  const queue = (text: string) =>
    comfyui.tell('queue', { '1': { class_type: 'CLIPTextEncode', inputs: { text, clip: ['9', 0] } } });
  return { server, comfyui, cached, queue };
}

test('the embeddings of a bucket are there once a text names them, and nothing of it is read before', async () => {
  const { server, comfyui, cached, queue } = await withBucket();
  expect(await comfyui.tell('find_embedding', 'far-style.pt')).toBeNull();
  expect([server.bytesSent, await cached()]).toEqual([0, []]);
  await queue('a cat (embedding:far-style:1.1)');
  expect(await comfyui.tell('find_embedding', 'far-style.pt')).toBe(sha256(style));
  // Its beginning is read before, to see whether it is a duplicate.
  expect(server.bytesSent).toBe(2 * style.length);
  await queue('embedding:large');
  expect(await comfyui.tell('find_embedding', 'large.pt')).toBe(sha256(large));
  expect((await cached()).toSorted()).toEqual(['embeddings/far-style.pt', 'embeddings/large.pt']);
});

test('one that the bucket does not give is found after a later prompt', { tags: 'slow' }, async () => {
  const { server, comfyui, queue } = await withBucket();
  let refused = 0;
  server.faultFor = (_asked, { holds }) => {
    if (!holds) return null;
    refused += 1;
    return (_reply, response) => void response.writeHead(403).end();
  };
  await queue('embedding:large');
  expect(refused).toBeGreaterThan(0);
  expect(await comfyui.tell('find_embedding', 'large.pt')).toBeNull();
  server.faultFor = () => null;
  await queue('embedding:large');
  expect(await comfyui.tell('find_embedding', 'large.pt')).toBe(sha256(large));
});
