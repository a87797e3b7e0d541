import { chmodSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { startDaemonProcess } from '../helpers/daemon-process.ts';
import { writeModel } from '../helpers/files.ts';
import { tempDir } from '../helpers/temp-dir.ts';

test('a person who asks whether the copies are true is told which is not, and the next load is served a true one', async () => {
  const root = join(tempDir(), 'models');
  const path = join(root, 'loras/a.safetensors');
  const bytes = writeModel(path, 300_000);
  const { client, stateDir } = await startDaemonProcess({ settings: { AUTOCACHE_ROOTS: `${root}=hdd` } });
  await client.warm({ paths: [path], wait: true });
  expect(await runCli(['verify', path], { stateDir })).toMatchObject({ code: 0 });
  const { path: copy } = await client.lookup({ path, purpose: 'load', waitMs: 0, client: null });
  const { copies } = (await client.entries({})).entries[0] ?? { copies: [] };
  expect(copies).toMatchObject([{ path: copy, state: 'ready' }]);

  rot(copy);
  const { code, out } = await runCli(['verify', '--all'], { stateDir });
  // Node sets times to the microsecond: where the copy has a finer one, that gives the change away before the bytes do.
  expect(out).toMatch(/corrupted {2}.*a\.safetensors/);
  expect(out).toContain('a new copy is being made');
  expect(code).toBe(4);

  await client.warm({ paths: [path], wait: true });
  const answer = await client.lookup({ path, purpose: 'load', waitMs: 0, client: null });
  expect(answer.reason).toBe('HIT');
  expect(readFileSync(answer.path).equals(bytes)).toBe(true);
});

/** One bit turns. */
function rot(copy: string): void {
  const { mtimeNs } = statSync(copy, { bigint: true });
  chmodSync(copy, 0o600);
  const bytes = readFileSync(copy);
  bytes[1000] = (bytes[1000] ?? 0) ^ 1;
  writeFileSync(copy, bytes);
  const seconds = Number(mtimeNs / 1000n) / 1e6;
  utimesSync(copy, seconds, seconds);
}
