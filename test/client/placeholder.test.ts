import { chmodSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createResolver } from '../../src/index.ts';
import { type FakeDaemon, refuse, startFakeDaemon } from '../cli/fake-daemon.ts';
import { hit } from '../cli/samples.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** @returns its path */
function aPlaceholder(): string {
  const placeholder = join(tempDir(), 'far.safetensors');
  writeFileSync(placeholder, 'autocached placeholder: this model lies in s3://bucket.\n');
  truncateSync(placeholder, 1000);
  chmodSync(placeholder, 0);
  return placeholder;
}

async function asked(answer: FakeDaemon['routes'][string]) {
  const daemon = await startFakeDaemon({ 'POST /api/lookup': answer });
  onTestFinished(() => daemon[Symbol.asyncDispose]());
  const resolver = createResolver({ stateDir: daemon.stateDir, timeoutMs: { connect: 10_000, answer: 10_000 } });
  onTestFinished(() => resolver.close());
  return { daemon, resolver };
}

test('a model of a remote without a copy is an error that says why, never its placeholder', async () => {
  const { resolver } = await asked((_, response) =>
    refuse(response, 409, { code: 'NO_COPY', message: 'far.safetensors lies on a remote only: no route to the bucket' }),
  );
  await expect(resolver.resolve(aPlaceholder())).rejects.toThrow('no route to the bucket');
});

test('neither is a placeholder taken from the daemon', async () => {
  const path = aPlaceholder();
  const { resolver } = await asked(() => ({ ...hit, path, reason: 'QUEUED' }));
  await expect(resolver.resolve(path)).rejects.toThrow('lies on a remote only');
});

test('with the daemon away the error says how to start it; a scan gets the path that it asked for', async () => {
  const path = aPlaceholder();
  const { daemon, resolver } = await asked(() => ({ ...hit, path }));
  await daemon[Symbol.asyncDispose]();
  await expect(resolver.resolve(path)).rejects.toThrow('autocached start');
  expect(await resolver.resolve(path, { purpose: 'scan' })).toMatchObject({ path });
});

test('a file that nobody may read, and that is no placeholder, is left to its reader', async () => {
  const path = join(tempDir(), 'closed.safetensors');
  writeFileSync(path, 'weights');
  chmodSync(path, 0);
  const { resolver } = await asked(() => ({ ...hit, path, reason: 'QUEUED' }));
  expect(await resolver.resolve(path)).toMatchObject({ path });
});
