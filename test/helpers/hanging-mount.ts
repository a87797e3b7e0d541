import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { tempDir } from './temp-dir.ts';

const script = fileURLToPath(new URL('./fault-fuse.py', import.meta.url));
const pythons = ['python3', '/usr/bin/python3'];
const python = pythons.find((name) => spawnSync(name, ['-c', 'import fusepy']).status === 0);

/** Why no such mount can be made here, or null. */
export const noFaultyMount =
  process.platform !== 'linux' || !existsSync('/dev/fuse') || process.getuid?.() !== 0
    ? 'FUSE as root on Linux is needed'
    : python === undefined
      ? 'python3-fusepy is needed'
      : null;

export interface FaultyMount {
  /** The folder to put files into. */
  source: string;
  /** The folder where they appear. */
  path: string;
  /**
   * How the mount behaves from now on; a number is an errno that every call fails with, or those below a directory of it. `slow N`:
   * a stat takes N ms.
   */
  behave(mode: 'ok' | 'hang' | `slow ${number}` | number, below?: string): void;
  /** Grows with every call that fails or hangs. */
  fired(): number;
  unmount(): Promise<void>;
}

/** A mount that hangs and fails on demand; gone when the test ends. */
export async function createFaultyMount(): Promise<FaultyMount> {
  const dir = tempDir();
  const [source, path, control] = [join(dir, 'disk'), join(dir, 'nas'), join(dir, 'control')];
  mkdirSync(source);
  mkdirSync(path);
  const fired = () => (existsSync(`${control}.fired`) ? statSync(`${control}.fired`).size : 0);
  const behave: FaultyMount['behave'] = (mode, below = '') => {
    writeFileSync(`${control}.new`, typeof mode === 'number' ? `error ${mode} ${below && `/${below}`}` : mode);
    renameSync(`${control}.new`, control);
  };
  behave('ok');
  const { dev } = statSync(path);
  const child = spawn(python ?? '', [script, source, path, control], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  let mounted = true;
  const unmount = async () => {
    if (!mounted) return;
    mounted = false;
    behave('ok');
    // It detaches the mount as it ends, even one in use.
    child.kill();
    await ended;
  };
  onTestFinished(unmount);
  while (statSync(path).dev === dev) {
    if (child.exitCode !== null) throw new Error('the mount could not be made');
    await sleep(20);
  }
  return { source, path, behave, fired, unmount };
}
