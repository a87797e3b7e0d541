import { existsSync, lstatSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathFiles } from '../comfyui/comfyui-paths.ts';
import { CacheError } from '../core/errors.ts';
import { readSmallFile } from '../runtime/small-file.ts';

/**
 * The absolute path of a ComfyUI, given by its user: a checkout, or a base directory (`--base-directory`, and what the
 * desktop app calls its base path) that holds models and custom nodes apart from the program.
 * @throws CacheError BAD_REQUEST when it is neither, with the likely place of ComfyUI.
 */
export function comfyuiDir(given: string): string {
  const dir = resolve(given);
  if (isCheckout(dir) || isBaseDirectory(dir)) return dir;
  if (!isDirectory(dir)) {
    throw new CacheError('BAD_REQUEST', `there is no directory ${dir}`, { hint: 'give the directory of ComfyUI' });
  }
  const inside = join(dir, 'ComfyUI');
  const hint = isCheckout(inside)
    ? `did you mean ${inside}?`
    : 'give the directory that holds main.py and folder_paths.py, or the base directory that holds models and custom_nodes';
  throw new CacheError('BAD_REQUEST', `${dir} is not a ComfyUI directory`, { hint });
}

/** The version of the ComfyUI in `dir`; null if it states none, as in a base directory. */
export async function comfyuiVersion(dir: string): Promise<string | null> {
  const python = await readText(join(dir, 'comfyui_version.py'));
  const found = python.match(/^__version__\s*=\s*["']([^"']+)["']/m);
  if (found?.[1]) return found[1];
  const project = (await readText(join(dir, 'pyproject.toml'))).match(/^\[project\]$([^[]*)/m)?.[1] ?? '';
  return project.match(/^version\s*=\s*"([^"]+)"/m)?.[1] ?? null;
}

function isCheckout(dir: string): boolean {
  return existsSync(join(dir, 'main.py')) && existsSync(join(dir, 'folder_paths.py'));
}

function isBaseDirectory(dir: string): boolean {
  // All models may be elsewhere, even on a disk that is away; ComfyUI makes the other folders at its first start.
  const beside = ['models', 'user', 'input', 'output', 'temp', ...pathFiles];
  return isDirectory(join(dir, 'custom_nodes')) && beside.some((name) => isThere(join(dir, name)));
}

/** True also for a link to something that is away. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

const mostBytes = 1024 * 1024;

async function readText(file: string): Promise<string> {
  const bytes = await readSmallFile(file, mostBytes).catch(() => null);
  return bytes?.toString('utf8') ?? '';
}
