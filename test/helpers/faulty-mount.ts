import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { tempDir } from './temp-dir.ts';

const server = fileURLToPath(new URL('./faulty-fuse.py', import.meta.url));

/** Why a faulty file system cannot be mounted here, or null. The system may still refuse the mount. */
export const noMounts: string | null =
  process.platform !== 'linux'
    ? 'FUSE mounts are for Linux'
    : process.getuid?.() !== 0
      ? 'mounting needs root'
      : !existsSync('/dev/fuse')
        ? 'there is no /dev/fuse'
        : spawnSync('python3', ['--version']).status !== 0
          ? 'there is no python3'
          : null;

/**
 * Mounts a real file system at `mountPoint` with a file of the backing file's name and bytes, whose reads from `offset` on can be
 * made to fail or to hang. Returns the reason when the system refuses to mount.
 */
export async function faultyMount(backing: string, mountPoint: string, offset: number) {
  const faultFile = join(tempDir(), 'fault');
  mkdirSync(mountPoint, { recursive: true });
  const child = spawn('python3', [server, backing, mountPoint, String(offset), faultFile], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.stdin.end();
    await ended;
  });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  const refused = String(said).startsWith('mounted') ? null : String(said).trim();
  return {
    refused,
    path: join(mountPoint, basename(backing)),
    fail: (how: 'eio' | 'eio-part' | 'hang') => writeFileSync(faultFile, how),
    heal: () => rmSync(faultFile, { force: true }),
  };
}
