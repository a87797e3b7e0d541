import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect } from 'vitest';
import { folder, theWine, WindowsDaemon, windowsTest, writeModel } from './daemon.ts';

windowsTest(
  'started, asked, killed and started again, the daemon serves a true copy from the usual folders of Windows',
  async () => {
    const wine = theWine();
    const dir = folder();
    const { profile } = wine;
    const [local, roaming] = [`${profile}\\AppData\\Local`, `${profile}\\AppData\\Roaming`];
    const settings = wine.unix(`${roaming}\\autocached\\config.env`);
    mkdirSync(dirname(settings), { recursive: true });
    writeFileSync(
      settings,
      `AUTOCACHE_ROOTS=${dir}\\models=hdd\r\nAUTOCACHE_LISTEN=127.0.0.1:0\r\nAUTOCACHE_MIN_SIZE=1KiB\r\n`,
    );
    const user = { LOCALAPPDATA: local, APPDATA: roaming, USERPROFILE: profile };
    const daemon = new WindowsDaemon({ dir, settings: user, stateDir: `${local}\\autocached\\State` });
    const model = `${daemon.models}\\checkpoints\\a model.ckpt`;
    const bytes = randomBytes(8 * 2 ** 20);
    writeModel(model, bytes);

    await daemon.start();
    const { answer, before } = await daemon.hit(model);
    expect(before.filter((reason) => !['WAIT_TIMEOUT', 'QUEUED', 'COPYING'].includes(reason))).toEqual([]);
    expect(before.length).toBeGreaterThan(0);
    expect(answer.path.startsWith(`${local}\\autocached\\Cache\\files\\`)).toBe(true);
    expect(answer.path.endsWith('\\checkpoints\\a model.ckpt')).toBe(true);
    expect(readFileSync(wine.unix(answer.path)).equals(bytes)).toBe(true);

    const second = await wine.autocached(['start'], user);
    expect(second).toMatchObject({ code: 1, text: expect.stringContaining('is using the state directory') });

    await daemon.kill();
    await daemon.start();
    expect((await daemon.hit(model)).answer.path).toBe(answer.path);

    const status = await wine.autocached(['status'], user);
    expect(status).toMatchObject({ code: 0, text: expect.stringContaining(daemon.models) });
    const purged = await wine.autocached(['purge', '--all', '--yes'], user);
    expect(purged.text).toContain('leased');
  },
);
