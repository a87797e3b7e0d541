import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A new directory for one test, gone when the test ends. */
export function tempDir(parent = tmpdir()): string {
  const dir = realpathSync(mkdtempSync(join(parent, 'autocached-test-')));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
