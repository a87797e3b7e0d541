import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const throttle = '/sys/fs/cgroup/blkio/blkio.throttle.';

/** A real ext4 on a loop device that the kernel keeps as slow as a hard disk. Needs root and the blkio controller of cgroup v1. */
export class SlowMount implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'autocached-slow-'));
  readonly path = join(this.dir, 'hdd');
  #device: string | undefined;
  #mounted = false;

  /** @throws when the machine does not let us; nothing stays behind then. */
  constructor({ bytes, bytesPerSecond, readsPerSecond }: { bytes: number; bytesPerSecond: number; readsPerSecond: number }) {
    try {
      const image = join(this.dir, 'disk.img');
      run('truncate', '-s', String(bytes), image);
      run('mkfs.ext4', '-qF', image);
      this.#device = run('losetup', '-f', '--show', image).trim();
      mkdirSync(this.path);
      run('mount', this.#device, this.path);
      this.#mounted = true;
      // As real disks and network mounts have it; the loop device takes 20 times that.
      run('blockdev', '--setra', '256', this.#device);
      this.#limit('read_bps_device', bytesPerSecond);
      this.#limit('read_iops_device', readsPerSecond);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    if (this.#device !== undefined) {
      for (const what of ['read_bps_device', 'read_iops_device']) attempt(() => this.#limit(what, 0));
      if (this.#mounted) attempt(() => run('umount', this.path));
      attempt(() => run('losetup', '-d', this.#device ?? ''));
    }
    rmSync(this.dir, { recursive: true, force: true });
  }

  #limit(what: string, value: number): void {
    const { rdev } = statSync(this.#device ?? '');
    writeFileSync(throttle + what, `${rdev >> 8}:${rdev & 0xff} ${value}`);
  }
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function attempt(step: () => void): void {
  try {
    step();
  } catch (error) {
    console.error(`cleaning up: ${String(error)}`);
  }
}
