import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startDaemonProcess } from '../helpers/daemon-process.ts';
import { writeModel } from '../helpers/files.ts';
import { patience } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

test.skipIf(process.platform === 'win32')(
  'a daemon copies and verifies after the directory was removed in which it was started',
  { timeout: patience(60_000) },
  async () => {
    const models = join(tempDir(), 'models');
    const path = join(models, 'loras/a.safetensors');
    const bytes = writeModel(path, 300_000);
    const dir = join(tempDir(), 'start');
    mkdirSync(dir);
    const elsewhere = tempDir();
    const settings = {
      AUTOCACHE_ROOTS: `${models}=hdd`,
      AUTOCACHE_STATE: join(elsewhere, 'state'),
      AUTOCACHE_DIR: join(elsewhere, 'cache'),
      HOME: elsewhere,
    };
    const { client } = await startDaemonProcess({ dir, settings });
    rmSync(dir, { recursive: true });
    expect(existsSync(dir)).toBe(false);
    expect(await client.warm({ paths: [path], wait: true })).toMatchObject({ ready: 1, missing: 0 });
    const answer = await client.lookup({ path, purpose: 'load', waitMs: 0, client: { app: 'test' } });
    expect(answer.reason).toBe('HIT');
    expect(readFileSync(answer.path).equals(bytes)).toBe(true);
    expect(await client.verify({ all: true })).toMatchObject({ files: 1, damaged: [] });
  },
);
