import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { VariantClient } from '../../src/cli/variant-client.ts';
import { tinyWan, writeSafetensors } from '../helpers/tiny-model.ts';
import { WindowsDaemon, windowsTest, writeModel } from './daemon.ts';

const soon = { timeout: 10 * 60_000, interval: 50 };

/**
 * Holds a file open as Python's `open` does: the command processor opens what it reads from without letting others delete it.
 * @returns lets go of it
 */
async function holdOpen({ wine, dir }: WindowsDaemon, path: string): Promise<() => Promise<void>> {
  const [running, end] = [wine.unix(`${dir}\\holds`), wine.unix(`${dir}\\end`)];
  writeFileSync(
    wine.unix(`${dir}\\hold.mjs`),
    `import { existsSync, writeFileSync } from 'node:fs';
     writeFileSync('${dir.replaceAll('\\', '/')}/holds', '');
     setInterval(() => existsSync('${dir.replaceAll('\\', '/')}/end') && process.exit(), 100);`,
  );
  const node = `Z:${join(wine.place.program, 'node.exe').replaceAll('/', '\\')}`;
  writeFileSync(wine.unix(`${dir}\\hold.cmd`), `@"${node}" "${dir}\\hold.mjs" < "${path}"\r\n`);
  const holder = wine.start('cmd', ['/c', `${dir}\\hold.cmd`]);
  await vi.waitUntil(() => existsSync(running), soon);
  return async () => {
    writeFileSync(end, '');
    await vi.waitUntil(() => holder.child.exitCode !== null, soon);
  };
}

windowsTest(
  'a copy that a program holds open is left alone and goes on being served, the others leave, and a purge takes it later',
  async () => {
    const daemon = new WindowsDaemon();
    const { wine, models } = daemon;
    const [held, free] = [`${models}\\loras\\held.safetensors`, `${models}\\loras\\free.safetensors`];
    for (const model of [held, free]) writeModel(model, randomBytes(100_000));
    await daemon.start();
    expect(await daemon.client.warm({ paths: [held, free], wait: true })).toMatchObject({ ready: 2 });
    const copyOf = async (path: string) => {
      const { entries } = await daemon.client.entries({});
      const entry = entries.find((one) => one.path === path);
      return { id: entry?.id ?? 0, path: entry?.copies[0]?.path ?? '' };
    };
    const [heldCopy, freeCopy] = [await copyOf(held), await copyOf(free)];
    const letGo = await holdOpen(daemon, heldCopy.path);

    const ids = [heldCopy.id, freeCopy.id];
    expect(await daemon.client.evict({ ids })).toMatchObject({
      removed: [{ id: freeCopy.id }],
      skipped: [{ id: heldCopy.id }],
    });
    expect(existsSync(wine.unix(heldCopy.path))).toBe(true);
    expect(existsSync(wine.unix(freeCopy.path))).toBe(false);
    expect(await daemon.client.lookup({ path: held, purpose: 'metadata', waitMs: 0, client: null })).toMatchObject({
      reason: 'HIT',
      path: heldCopy.path,
    });

    await letGo();
    expect(await wine.autocached(['purge', '--all', '--yes'], daemon.env)).toMatchObject({ code: 0 });
    expect(existsSync(wine.unix(heldCopy.path))).toBe(false);
  },
);

windowsTest('a stale variant that a program holds open stays, and is made anew when the program lets go', async () => {
  const daemon = new WindowsDaemon();
  const { wine, models } = daemon;
  const model = `${models}\\diffusion_models\\wan.safetensors`;
  writeSafetensors(wine.unix(model), tinyWan());
  await daemon.start();
  const variants = new VariantClient(daemon.client);
  const becomes = async (state: string) => {
    await vi.waitFor(async () => expect((await variants.list()).variants).toMatchObject([{ state }]), soon);
    return (await variants.list()).variants[0];
  };
  const { path } = await variants.make({ model, to: 'fp8' });
  await becomes('ready');
  const former = readFileSync(wine.unix(path));
  const letGo = await holdOpen(daemon, path);
  writeSafetensors(wine.unix(model), tinyWan({ outliers: true }));
  await variants.make({ model, to: 'fp8' });
  await vi.waitFor(async () => {
    const [variant] = (await variants.list()).variants;
    expect(variant).toMatchObject({ state: 'waiting', why: expect.stringContaining('has the former variant open') });
  }, soon);
  expect(readFileSync(wine.unix(path)).equals(former)).toBe(true);
  await letGo();
  expect(await becomes('ready')).toMatchObject({ why: null });
  expect(readFileSync(wine.unix(path)).equals(former)).toBe(false);
});
