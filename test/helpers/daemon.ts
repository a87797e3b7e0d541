import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Client } from '../../src/cli/client.ts';
import { type Overrides, startDaemon } from '../../src/compose/daemon.ts';
import { loadConfig } from '../../src/config/config.ts';
import { catalogIn } from './catalog.ts';
import { onFileFinished } from './file-finished.ts';
import { writeModel } from './files.ts';
import { sharedReader } from './shared-reader.ts';
import { tempDir } from './temp-dir.ts';

/** The daemon of `daemonOfFile`. */
let shared: ReturnType<typeof runDaemon> | undefined;

/** A daemon without models for all tests of a file that do not change it: a start takes longer than most of them. */
export function daemonOfFile(): ReturnType<typeof runDaemon> {
  if (!shared) {
    onFileFinished(() => {
      shared = undefined;
    });
    shared = runDaemon({}, {}, tempDir(undefined, onFileFinished), {}, onFileFinished);
  }
  return shared;
}

/** A whole daemon in this process, over its own folders, with the folder `models` as a hard disk; by default ended with the test. */
export async function runDaemon(
  files: Record<string, number>,
  settings: Record<string, string> = {},
  dir = tempDir(),
  overrides: Partial<Overrides> = {},
  atEnd: (end: () => PromiseLike<void>) => void = onTestFinished,
) {
  const root = join(dir, 'models');
  const bytes = Object.fromEntries(Object.entries(files).map(([name, size]) => [name, writeModel(join(root, name), size)]));
  const stateDir = join(dir, 'state');
  catalogIn(stateDir);
  const env = {
    AUTOCACHE_DIR: join(dir, 'ssd'),
    AUTOCACHE_STATE: stateDir,
    AUTOCACHE_ROOTS: `${root}=hdd`,
    AUTOCACHE_LISTEN: '127.0.0.1:0',
    AUTOCACHE_MIN_SIZE: '1',
    AUTOCACHE_MIN_FREE: '1',
    // The value of a wait depends on measured speeds, which mean nothing on a machine that runs tests.
    AUTOCACHE_ON_MISS: 'wait',
    AUTOCACHE_LOG: 'silent',
    ...settings,
  };
  const start = () =>
    startDaemon(loadConfig({ env, cwd: dir, home: dir }), { overrides: { openThread: sharedReader, ...overrides } });
  let daemon = await start();
  let client = await Client.find(stateDir);
  atEnd(() => daemon[Symbol.asyncDispose]());
  return {
    dir,
    root,
    stateDir,
    bytes,
    get client() {
      return client;
    },
    end: () => daemon[Symbol.asyncDispose](),
    async restart(changed: Record<string, string> = {}) {
      await daemon[Symbol.asyncDispose]();
      Object.assign(env, changed);
      daemon = await start();
      client = await Client.find(stateDir);
    },
  };
}
