import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { stageWindows } from '../../config/release/windows.mjs';
import { findWine, Wine } from './wine.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Null where there is no Wine. */
    wine: { loader: string; prefix: string; program: string } | null;
  }
}

/** Makes a Windows of its own and lays out what is packed for Windows in it, as a user unpacks it. */
export default async function setup(project: TestProject): Promise<() => void> {
  const loader = findWine();
  project.provide('wine', null);
  if (loader === null) {
    console.error('the Windows build is not run: there is no Wine (Debian: apt-get install --no-install-recommends wine64)');
    return () => {};
  }
  const work = mkdtempSync(join(tmpdir(), 'autocached-wine-'));
  const wine = new Wine({ loader, prefix: join(work, 'prefix'), program: stageWindows(work) });
  await wine.boot();
  project.provide('wine', wine.place);
  return () => {
    wine.shutDown();
    rmSync(work, { recursive: true, force: true });
  };
}
