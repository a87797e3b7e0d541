import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { tempDir } from './temp-dir.ts';

/** Why no disk can be made of a file here, or null. */
export const noLoopDisk: string | null =
  process.platform !== 'linux' || process.getuid?.() !== 0
    ? 'root on Linux is needed'
    : spawnSync('mkfs.ext4', ['-V']).status !== 0 || spawnSync('losetup', ['--find']).status !== 0
      ? 'mkfs.ext4 and a free loop device are needed'
      : null;

export interface LoopDisk {
  /** Where it is mounted. */
  path: string;
  mount(...options: string[]): void;
  /** As when it is pulled out: also while programs have files on it open. */
  unmount(): void;
}

/** A real disk of so many MiB with a file system of its own, mounted; gone when the test ends. */
export function createLoopDisk(mib: number): LoopDisk {
  const dir = tempDir();
  const [image, path] = [join(dir, 'disk.img'), join(dir, 'ssd')];
  mkdirSync(path);
  writeFileSync(image, '');
  truncateSync(image, mib * 2 ** 20);
  execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', image]);
  const device = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
  const mount = (...options: string[]) => {
    execFileSync('mount', [...options, device, path]);
  };
  const unmount = () => {
    execFileSync('umount', ['--lazy', path]);
  };
  mount();
  onTestFinished(() => {
    spawnSync('umount', ['--lazy', path]);
    spawnSync('losetup', ['--detach', device]);
  });
  return { path, mount, unmount };
}
