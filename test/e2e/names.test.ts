import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { startDaemonProcess } from '../helpers/daemon-process.ts';
import { writeModel } from '../helpers/files.ts';
import { patience } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

test('every command takes a part of a name, a glob, or the beginning of a key', { timeout: patience(60_000) }, async () => {
  const dir = tempDir();
  const models = join(dir, 'nas', 'models');
  for (const name of ['loras/detail_xl.safetensors', 'loras/detail_15.safetensors', 'vae/Größe.safetensors', 'vae/细节.ckpt'])
    writeModel(join(models, name), 2 ** 20);
  const daemon = await startDaemonProcess({ dir, settings: { AUTOCACHE_ROOTS: `${models}=nas` } });
  const cli = (...words: string[]) => runCli(words, { stateDir: daemon.stateDir, cwd: dir });
  const path = join(models, 'loras/detail_xl.safetensors');

  expect(await cli('warm', 'detail_xl', 'GRÖSSE'.replace('SS', 'ß'), 'vae/细节')).toMatchObject({
    code: 0,
    out: expect.stringContaining('3 of 3 files ready'),
  });
  expect((await cli('lookup', 'detail_xl', '--json')).out).toContain('"reason": "HIT"');
  expect((await cli('lookup', '**/*细*', '--json')).out).toContain('"reason": "HIT"');
  expect((await cli('explain', 'detail_xl')).out).toContain(path);
  for (const command of ['pin', 'unpin', 'verify']) expect((await cli(command, 'detail_xl')).code, command).toBe(0);

  expect((await cli('evict', 'größe')).code).toBe(0);

  const ambiguous = await cli('pin', 'detail');
  expect(ambiguous.code).toBe(2);
  expect(ambiguous.err).toContain('2 files match "detail":\n  loras/detail_15.safetensors\n  loras/detail_xl.safetensors');
  expect((await cli('pin', 'detial_xl')).err).toContain('did you mean loras/detail_xl.safetensors?');
  expect((await cli('list', '--root', 'nas/mod', '--json')).out).toContain('Größe');

  const put = (ns: string, key: string, label: string) =>
    daemon.client.ask('POST', '/api/memo/put', { body: { ns, key, label, value: 1 } });
  await put('pictures', 'a'.repeat(64), 'portrait of a cat');
  await put('texts', 'b'.repeat(64), 'a letter');
  const [entry] = JSON.parse((await cli('memo', 'list', '--ns', 'pict', '--json')).out).entries;
  expect(entry.label).toBe('portrait of a cat');
  for (const word of ['cat', entry.key.slice(0, 8), '*portrait*'])
    expect((await cli('memo', 'get', word)).out, word).toBe('1\n');
  expect((await cli('memo', 'invalidate', 'letter', '--dry-run')).out).toContain('1 result');
  expect((await cli('preset', 'show', 'image-to-3', '--json')).code).toBe(0);
  expect((await cli('preset', 'show', 'stage')).err).toContain('match "stage"');
  expect((await cli('root', 'forget', 'elsewhere')).code).toBe(1);
});
