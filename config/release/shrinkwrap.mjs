// Writes npm-shrinkwrap.json: the exact versions that an installation of the packed program gets, on every platform, with their
// hashes and without the address of a registry. Run it when `dependencies` change: node config/release/shrinkwrap.mjs
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { name, version, license, dependencies, bin, engines } = JSON.parse(readFileSync('package.json', 'utf8'));
const directory = mkdtempSync(join(tmpdir(), 'autocached-shrinkwrap-'));
try {
  // In a directory of its own: the lock of a tree that is installed lists the packages of this platform only.
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ name, version, license, dependencies, bin, engines }));
  const { status } = spawnSync('npm install --package-lock-only --ignore-scripts --no-audit --no-fund --loglevel=error', {
    cwd: directory,
    shell: true,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error('npm could not find out what the dependencies need; its message is above');
  const lock = JSON.parse(readFileSync(join(directory, 'package-lock.json'), 'utf8'));
  for (const entry of Object.values(lock.packages)) delete entry.resolved;
  writeFileSync('npm-shrinkwrap.json', `${JSON.stringify(lock, null, 2)}\n`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
