import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { cloneWay } from './clone-way.ts';
import { archiveNewest, npmWay, registryNewest } from './npm-way.ts';
import type { Installed, Way } from './way.ts';

/** Finds out how the package in `dir` was installed. */
export function findWay(installed: Installed): Way {
  const { dir, archive } = installed;
  if (existsSync(join(dir, '.git'))) return cloneWay(installed);
  const modules = dirname(dir);
  const byHand = (says: string, steps: Way['steps']): Way => ({
    says,
    newest: () => (archive === null ? registryNewest(installed, modules) : archiveNewest(installed, archive)),
    steps,
    replace: null,
  });
  if (basename(modules) === 'custom_nodes') {
    return byHand(`a node pack of ComfyUI, in ${dir}`, () => [
      'ComfyUI-Manager: Custom Nodes Manager, autocached, Update; then restart ComfyUI',
    ]);
  }
  const above = dirname(modules);
  if (existsSync(join(above, 'autocached.cmd')) && existsSync(join(above, 'node.exe'))) {
    return byHand(`the archive for Windows, in ${above}`, (version) => [
      `unpack autocached-${version}-win-x64.zip beside ${above}, not into it`,
      'run its setup.cmd: ComfyUI and the scheduled task take the new one',
      `delete ${above}`,
    ]);
  }
  const prefix = process.platform === 'win32' ? above : dirname(above);
  if (basename(modules) === 'node_modules' && isGlobal(prefix, dir)) return npmWay(installed, prefix);
  return byHand(`unpacked or installed beside other packages, in ${dir}`, (version) => [
    `npm install --prefix ${above} autocached@${version}`,
    'autocached restart',
  ]);
}

/** npm links the programs that it installs globally. */
function isGlobal(prefix: string, dir: string): boolean {
  if (process.platform === 'win32') return existsSync(join(prefix, 'autocached.cmd'));
  try {
    return realpathSync(join(prefix, 'bin', 'autocached')).startsWith(realpathSync(dir) + sep);
  } catch {
    return false;
  }
}
