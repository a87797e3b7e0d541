import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type LoadedConfig, loadConfig } from '../../src/config/config.ts';
import { userConfigFile } from '../../src/config/directories.ts';
import { watchConfig } from '../../src/config/watch.ts';
import { messageOf } from '../../src/core/errors.ts';
import { directory } from './load.ts';

/** The configuration of a directory, watched; `heard` is the number of copies at once it was last read with, or what is wrong. */
function watched(files: Record<string, string> = {}) {
  const cwd = directory(files);
  const loaded = loadConfig({ env: {}, cwd, home: cwd });
  const heard: (number | string)[] = [];
  let wake = () => {};
  const hear = (what: number | string) => {
    heard.push(what);
    wake();
  };
  const end = watchConfig(loaded, loaded.files, {
    onLoaded: ({ config }: LoadedConfig) => hear(config.jobs),
    onRefused: (error) => hear(messageOf(error)),
    onError: (error) => hear(`failed: ${messageOf(error)}`),
  });
  onTestFinished(end);
  /** Resolves when the last thing heard is this. */
  const hears = async (wanted: unknown) => {
    while (heard.at(-1) !== wanted) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { cwd, env: join(cwd, '.env'), heard, hears };
}

const jobs = (count: number | string) => `AUTOCACHE_JOBS=${count}\n`;

test('what was edited while the daemon started is not missed', async () => {
  const { hears } = watched({ '.env': jobs(3) });
  await hears(3);
});

test('a .env that appears later, is edited in place, and goes again', async () => {
  const { env, hears } = watched();
  writeFileSync(env, jobs(3));
  await hears(3);
  // Of the same length.
  writeFileSync(env, jobs(4));
  await hears(4);
  rmSync(env);
  await hears(2);
  writeFileSync(env, jobs(5));
  await hears(5);
});

test('a .env that goes again at once', async () => {
  const { env, hears } = watched();
  for (const count of [3, 4, 5]) {
    writeFileSync(env, jobs(count));
    await hears(count);
    rmSync(env);
    await hears(2);
  }
});

test('editors that replace the file, one after the other', async () => {
  const { env, hears } = watched({ '.env': jobs(3) });
  for (const count of [4, 5]) {
    writeFileSync(`${env}.tmp`, jobs(count));
    renameSync(`${env}.tmp`, env);
    await hears(count);
  }
  renameSync(env, `${env}~`);
  writeFileSync(env, jobs(6));
  await hears(6);
});

test('a file that is saved in pieces is read when it is whole', async () => {
  const { env, heard, hears } = watched({ '.env': jobs(3) });
  await hears(3);
  writeFileSync(env, 'AUTOCACHE_JOBS=');
  appendFileSync(env, 'x');
  writeFileSync(env, jobs(4));
  await hears(4);
  expect(heard).toEqual([3, 4]);
});

test('a file with a mistake is told, and read again when it is mended', async () => {
  const { env, hears } = watched({ '.env': jobs(3) });
  writeFileSync(env, jobs('many'));
  await hears(`the configuration cannot be used:\n  ${env}: AUTOCACHE_JOBS: expected a whole number from 1 to 64, got "many"`);
  writeFileSync(env, jobs(4));
  await hears(4);
});

test("the user's config.env, whose directory is made later", async () => {
  const { cwd, hears } = watched();
  const user = userConfigFile(process.platform, {}, cwd);
  mkdirSync(dirname(user), { recursive: true });
  writeFileSync(user, jobs(7));
  await hears(7);
  writeFileSync(user, jobs(8));
  await hears(8);
});
