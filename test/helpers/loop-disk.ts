import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { onDisk, tempDir } from './temp-dir.ts';

/** Why no disk can be made of a file here, or null. */
export const noLoopDisk: string | null =
  process.platform !== 'linux' || process.getuid?.() !== 0
    ? 'root on Linux is needed'
    : spawnSync('mkfs.ext4', ['-V']).status !== 0 || spawnSync('losetup', ['--find']).status !== 0
      ? 'mkfs.ext4 and a free loop device are needed'
      : null;

/** How a disk with FAT can be made here. Few kernels of test machines have it built in. */
const fat =
  has('mkfs.vfat') && readSafely('/proc/filesystems').includes('\tvfat\n')
    ? { make: ['mkfs.vfat', '-F', '32'], mount: ['mount', '-t', 'vfat'] }
    : has('mkfs.exfat') && has('mount.exfat-fuse')
      ? { make: ['mkfs.exfat'], mount: ['mount.exfat-fuse', '-o', 'umask=0077'] }
      : null;

/** Why there is none, or null. FAT ignores case, and numbers its files anew at each mount. */
export const noFatDisk: string | null =
  noLoopDisk ?? (fat ? null : 'mkfs.vfat (dosfstools) with a kernel that has vfat, or mkfs.exfat and exfat-fuse, are needed');

function has(program: string): boolean {
  return spawnSync(program, ['--help']).error === undefined;
}

function readSafely(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

const ext4 = ['mkfs.ext4', '-q', '-F', '-m', '0'];

export interface LoopDisk {
  /** Where it is mounted. */
  path: string;
  mount(...options: string[]): void;
  /** Mounts it in another place too; gone when the test ends. */
  mountAt(place: string): void;
  /** As when it is pulled out: also while programs have files on it open. */
  unmount(): void;
  /** The disk as a loss of power would leave it now, mounted in a place of its own. @returns that place */
  afterLossOfPower(): string;
}

/** A real disk of so many MiB with a file system of its own, mounted; gone when the test ends. `seconds` = it keeps whole seconds. */
export function createLoopDisk(mib: number, kind: 'ext4' | 'seconds' | 'fat' = 'ext4'): LoopDisk {
  const dir = tempDir(onDisk());
  const [image, path] = [join(dir, 'disk.img'), join(dir, 'ssd')];
  mkdirSync(path);
  writeFileSync(image, '');
  truncateSync(image, mib * 2 ** 20);
  const [make, attach] =
    kind === 'fat' && fat ? [fat.make, fat.mount] : [[...ext4, ...(kind === 'seconds' ? ['-I', '128'] : [])], ['mount']];
  const run = ([program = '', ...args]: string[], ...more: string[]) =>
    execFileSync(program, [...args, ...more], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  run(make, image);
  const device = run(['losetup', '--find', '--show'], image).trim();
  const mount = (...options: string[]) => void run(attach, ...options, device, path);
  const unmount = () => void run(['umount', ...(kind === 'fat' ? [] : ['--lazy'])], path);
  mount();
  onTestFinished(() => {
    spawnSync('umount', ['--lazy', path]);
    spawnSync('losetup', ['--detach', device]);
  });
  const mountAt = (place: string) => {
    run(attach, device, place);
    onTestFinished(() => void spawnSync('umount', ['--lazy', place]));
  };
  let losses = 0;
  const afterLossOfPower = () => {
    losses += 1;
    const [lost, place] = [join(dir, `lost ${losses}.img`), join(dir, `lost ${losses}`)];
    mkdirSync(place);
    // What is only in memory is not in the image; one that is written to while it is read never was on a disk.
    let [before, after] = [readFileSync(image), readFileSync(image)];
    for (let tries = 0; !before.equals(after) && tries < 100; tries += 1) [before, after] = [after, readFileSync(image)];
    writeFileSync(lost, after);
    run(['mount', '-o', 'loop'], lost, place);
    onTestFinished(() => void spawnSync('umount', ['--lazy', place]));
    return place;
  };
  return { path, mount, mountAt, unmount, afterLossOfPower };
}
