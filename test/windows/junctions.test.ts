import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { folder, theWine, WindowsDaemon, windowsTest, writeModel } from './daemon.ts';

/** Wine has no junctions; a link of Linux on its drive is one as far as programs of Windows see: a directory whose true path is another. */
function junction(name: string, target: string): string {
  const dir = folder();
  const { unix } = theWine();
  const to = unix.call(theWine(), target);
  mkdirSync(to, { recursive: true });
  symlinkSync(to, join(unix.call(theWine(), dir), name));
  return `${dir}\\${name}`;
}

windowsTest('models below a junction are copied once, whichever of their two paths is asked for', async () => {
  const real = `${folder()}\\real`;
  const root = junction('models', real);
  const bytes = randomBytes(100_000);
  writeModel(`${real}\\loras\\a.safetensors`, bytes);
  const daemon = new WindowsDaemon({ settings: { AUTOCACHE_ROOTS: `${root}=hdd` } });
  await daemon.start();
  const { answer } = await daemon.hit(`${root}\\loras\\a.safetensors`);
  expect(readFileSync(daemon.wine.unix(answer.path)).equals(bytes)).toBe(true);
  const byRealPath = await daemon.lookup(`${real}\\loras\\a.safetensors`);
  expect(['HIT', 'BYPASS_UNKNOWN_ROOT']).toContain(byRealPath.reason);
  expect((await daemon.client.entries({})).entries).toHaveLength(1);
});

windowsTest('copies below a junction are served, and found again after a kill', async () => {
  const cache = junction('cache', `${folder()}\\elsewhere`);
  const daemon = new WindowsDaemon({ settings: { AUTOCACHE_DIR: cache } });
  const model = `${daemon.models}\\loras\\a.safetensors`;
  const bytes = randomBytes(100_000);
  writeModel(model, bytes);
  await daemon.start();
  const { answer } = await daemon.hit(model);
  await daemon.kill();
  await daemon.start();
  const again = await daemon.hit(model);
  expect(again.answer.path).toBe(answer.path);
  expect(readFileSync(daemon.wine.unix(again.answer.path)).equals(bytes)).toBe(true);
});

windowsTest('a cache directory that a junction leads into a model folder is refused', async () => {
  const daemon = new WindowsDaemon();
  const cache = junction('cache', `${daemon.models}\\inside`);
  writeModel(`${daemon.models}\\loras\\a.safetensors`, randomBytes(1000));
  const refused = await daemon.wine.autocached(['start'], { ...daemon.env, AUTOCACHE_DIR: cache });
  expect(refused.code).not.toBe(0);
  expect(refused.text).toMatch(/AUTOCACHE_DIR|cache directory/);
});
