import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type LoadedConfig, loadConfig } from '../../src/config/config.ts';
import type { LoadOptions } from '../../src/config/env.ts';
import { CacheError } from '../../src/core/errors.ts';

/**
 * A configuration that takes nothing from the machine the test runs on: only the values given as environment, as on Linux.
 * With a directory of files to read, the platform is the one the test runs on.
 */
export function load(env: Record<string, string> = {}, options: LoadOptions = {}): LoadedConfig {
  const platform = options.cwd || options.home ? process.platform : 'linux';
  return loadConfig({ env, cwd: '/nowhere', home: '/home/ada', platform, ...options });
}

/** The problems, one a line, that keep this configuration from being used. */
export function problems(env: Record<string, string>, options: LoadOptions = {}): string[] {
  try {
    load(env, options);
  } catch (error) {
    if (!(error instanceof CacheError) || error.code !== 'BAD_CONFIG') throw error;
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.trim());
  }
  throw new Error('the configuration was accepted');
}

/** A directory with these files in it, gone after the test. */
export function directory(files: Record<string, string | Buffer> = {}): string {
  const root = mkdtempSync(join(tmpdir(), 'config-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}
