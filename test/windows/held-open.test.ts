import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { WindowsDaemon, windowsTest, writeModel } from './daemon.ts';

windowsTest(
  'a copy that a program holds open is left alone and goes on being served, the others leave, and a purge takes it later',
  async () => {
    const daemon = new WindowsDaemon();
    const { wine, dir, models } = daemon;
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

    // As Python's `open` does, the command processor opens what it reads from without letting others delete it.
    const [running, end] = [wine.unix(`${dir}\\holds`), wine.unix(`${dir}\\end`)];
    writeFileSync(
      wine.unix(`${dir}\\hold.mjs`),
      `import { existsSync, writeFileSync } from 'node:fs';
     writeFileSync('${dir.replaceAll('\\', '/')}/holds', '');
     setInterval(() => existsSync('${dir.replaceAll('\\', '/')}/end') && process.exit(), 100);`,
    );
    const node = `Z:${join(wine.place.program, 'node.exe').replaceAll('/', '\\')}`;
    writeFileSync(wine.unix(`${dir}\\hold.cmd`), `@"${node}" "${dir}\\hold.mjs" < "${heldCopy.path}"\r\n`);
    const holder = wine.start('cmd', ['/c', `${dir}\\hold.cmd`]);
    await vi.waitUntil(() => existsSync(running), { timeout: 10 * 60_000, interval: 50 });

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

    writeFileSync(end, '');
    await vi.waitUntil(() => holder.child.exitCode !== null, { timeout: 10 * 60_000, interval: 50 });
    expect(await wine.autocached(['purge', '--all', '--yes'], daemon.env)).toMatchObject({ code: 0 });
    expect(existsSync(wine.unix(heldCopy.path))).toBe(false);
  },
);
