import { execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const throttle = '/sys/fs/cgroup/blkio/blkio.throttle.';
const blockBytes = 4 * 2 ** 20;

export interface DiskLimits {
  /** 0 = no limit. */
  bytesPerSecond: number;
  readsPerSecond: number;
}

/** A real ext4 on a loop device whose reads the kernel slows to a hard disk's. Needs root and the blkio controller of cgroup v1. */
export class SlowMount implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'autocached-slow-'));
  readonly path = join(this.dir, 'disk');
  #device: string | undefined;
  #mounted = false;

  /** @throws when the machine does not allow it; nothing stays behind then. */
  constructor({ bytes, ...limits }: { bytes: number } & Partial<DiskLimits>) {
    try {
      const image = join(this.dir, 'disk.img');
      // Allocated blocks: on a sparse image the first write to each block would be many times slower than the second.
      writeRandom(image, bytes);
      run('mkfs.ext4', '-qF', '-m', '0', '-E', 'nodiscard,lazy_itable_init=0,lazy_journal_init=0', image);
      this.#device = run('losetup', '-f', '--show', '--direct-io=on', image).trim();
      mkdirSync(this.path);
      run('mount', this.#device, this.path);
      this.#mounted = true;
      // The value of real disks and network mounts; the loop device's default is 20 times that.
      run('blockdev', '--setra', '256', this.#device);
      this.limit(limits);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Prints the reason when the machine does not allow it. Removes the mount at any end of this process. */
  static orSkip(options: { bytes: number } & Partial<DiskLimits>): SlowMount | null {
    try {
      const slow = new SlowMount(options);
      // First, the 'exit' event tells programs that still use it to end.
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
      process.once('exit', () => slow[Symbol.dispose]());
      return slow;
    } catch (error) {
      const why = String(error).split('\n')[0];
      console.log(`SKIPPED: no slow disk can be made here (root on Linux with cgroup v1 blkio is needed): ${why}`);
      return null;
    }
  }

  /** Its major and minor number, as used in the kernel's limits. */
  get number(): string {
    const { rdev } = statSync(this.#device ?? '');
    return `${rdev >> 8}:${rdev & 0xff}`;
  }

  limit({ bytesPerSecond = 0, readsPerSecond = 0 }: Partial<DiskLimits>): void {
    writeFileSync(`${throttle}read_bps_device`, `${this.number} ${bytesPerSecond}`);
    writeFileSync(`${throttle}read_iops_device`, `${this.number} ${readsPerSecond}`);
  }

  [Symbol.dispose](): void {
    if (this.#device !== undefined) {
      attempt(() => this.limit({}));
      if (this.#mounted) attempt(() => run('umount', '-l', this.path));
      attempt(() => run('losetup', '-d', this.#device ?? ''));
    }
    this.#device = undefined;
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Random bytes, which no layer can shorten. @returns the path */
export function writeRandom(path: string, bytes: number): string {
  const block = randomFillSync(Buffer.alloc(blockBytes));
  const fd = openSync(path, 'w');
  for (let done = 0; done < bytes; done += block.length) {
    block.writeDoubleLE(Math.random(), 0);
    writeSync(fd, block, 0, Math.min(block.length, bytes - done));
  }
  closeSync(fd);
  return path;
}

/** Takes one file out of the page cache, and nothing else. */
export function forget(path: string): void {
  execFileSync('sync', [path]);
  execFileSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
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
