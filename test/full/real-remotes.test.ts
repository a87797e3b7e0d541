import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ComfyuiServer } from '../../bench/comfyui-server.ts';
import { makeUpscaler } from '../../bench/weights.ts';
import { installShim } from '../../src/cli/comfyui-link.ts';
import { parseRemotes } from '../../src/config/remotes.ts';
import { placeOf } from '../../src/remotes/place.ts';
import { ObjectServer } from '../helpers/object-server.ts';
import { baseOf, checkout, expectedImage, names, prompt, python, realDaemon } from '../helpers/real-comfyui.ts';
import { s3Protocol } from '../helpers/s3-protocol.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const credentials = { AWS_ACCESS_KEY_ID: 'AKtest', AWS_SECRET_ACCESS_KEY: 'hush' };

/** A bucket with the three upscalers, and a daemon whose only remote it is. */
async function withBucket() {
  const bucket = await ObjectServer.start(s3Protocol);
  onTestFinished(() => bucket[Symbol.asyncDispose]());
  for (const [index, name] of names.entries()) {
    bucket.put(`models/upscale_models/${name}`, Buffer.from(makeUpscaler({ seed: index + 1, features: 16, layers: 2 })));
  }
  const config = `main=s3://models/models?endpoint=${bucket.url}&region=us-east-1`;
  const daemon = await realDaemon({ AUTOCACHE_REMOTES: config, ...credentials });
  const [remote] = parseRemotes(config);
  if (!remote) throw new Error('there is no remote');
  const directory = placeOf(remote, daemon.installed.stateDir);
  const placeholder = join(directory, 'upscale_models', names[2]);
  await expect.poll(() => existsSync(placeholder), { timeout: 120_000, interval: 200 }).toBe(true);
  return { bucket, directory, ...daemon };
}

/** A ComfyUI without a model of its own. */
async function startBare(base: string): Promise<ComfyuiServer> {
  const models = join(base, 'none');
  mkdirSync(join(models, 'upscale_models'), { recursive: true });
  return ComfyuiServer.start({ checkout: checkout ?? '', python, base, models, flags: ['--enable-assets'] });
}

describe.skipIf(!checkout)('a real ComfyUI, and models that lie in a bucket only', () => {
  test('the first prompt runs, with the image that local models give', { timeout: 900_000 }, async () => {
    const { bucket, installed, client } = await withBucket();
    const base = baseOf(tempDir());
    await installShim(base, { stateDir: installed.stateDir });
    await using server = await startBare(base);
    // The scan of assets at the start has downloaded nothing.
    expect(bucket.bytesSent).toBe(0);
    const { image } = await server.run(prompt);
    expect(image.equals(await expectedImage())).toBe(true);
    expect((await client.remotes()).remotes[0]?.months[0]?.bytes).toBeGreaterThan(0);
    const sent = bucket.bytesSent;
    expect((await server.run(prompt)).image.equals(image)).toBe(true);
    expect(bucket.bytesSent).toBe(sent);
  });

  test('while the bucket gives nothing, the prompt fails with a sentence; then it runs', { timeout: 900_000 }, async () => {
    const { bucket, installed } = await withBucket();
    const base = baseOf(tempDir());
    await installShim(base, { stateDir: installed.stateDir });
    await using server = await startBare(base);
    bucket.faultFor = () => (_, response) => void response.writeHead(403).end();
    await expect(server.run(prompt)).rejects.toThrow(/lies on a remote only, and there is no copy of it/);
    bucket.faultFor = () => null;
    expect((await server.run(prompt)).image.equals(await expectedImage())).toBe(true);
  });

  test('without the resolver ComfyUI refuses the placeholder', { timeout: 900_000 }, async () => {
    const { directory } = await withBucket();
    const base = baseOf(tempDir());
    await using server = await ComfyuiServer.start({
      checkout: checkout ?? '',
      python,
      base,
      models: directory,
    });
    await expect(server.run(prompt)).rejects.toThrow(/header/i);
  });
});
