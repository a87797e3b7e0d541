import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { CacheError, sentenceOf } from '../core/errors.ts';
import { meaningOf } from '../runtime/errnos.ts';
import { packageDir as ownPackage } from '../runtime/package.ts';
import { comfyuiDir, comfyuiVersion } from './comfyui-dir.ts';
import {
  listFiles,
  type Marker,
  place,
  readMarker,
  refuseForeign,
  removeFiles,
  removeMarker,
  writeMarker,
} from './own-folder.ts';

/**
 * The resolver inside ComfyUI is the folder `custom_nodes/autocached`, with copies of the files in the package's `comfyui/`.
 * Copies and not a link: a note about the state directory is kept beside the files while the package may be shared or
 * read-only, a link needs a privilege on Windows and dangles when the package moves, and governed builds of ComfyUI refuse
 * custom nodes that contain links. A copy can be out of date instead: the status says so and installing again renews it.
 */
const folderName = 'autocached';
/** The resolver reads it, see comfyui/state.py. */
const stateName = 'autocached_state.txt';

export interface InstallOptions {
  /** The daemon's state directory, noted for a ComfyUI that runs as another user or with another environment. */
  stateDir: string;
  /** Links to the package's files instead of copies, for work on them. */
  link?: boolean;
  /** Directory of the package; found by itself when left out. */
  packageDir?: string;
}

export interface ShimStatus {
  /** `custom_nodes/autocached`, absolute. */
  folder: string;
  installed: boolean;
  /** Version of autocached that the installed files came with; null when not installed. */
  version: string | null;
  /** True when the installed files are those of this autocached. */
  upToDate: boolean;
  linked: boolean;
  /** State directory in which the resolver looks for the daemon, unless ComfyUI's environment names another; null when not installed. */
  stateDir: string | null;
  /** Null when it is unknown. */
  comfyuiVersion: string | null;
}

/**
 * Puts the resolver into the ComfyUI in `comfyDir`, or renews it there.
 * @throws CacheError BAD_REQUEST when that is not ComfyUI, CONFLICT when something else is in the way, FORBIDDEN when the
 * folder cannot be written.
 */
export async function installShim(comfyDir: string, options: InstallOptions): Promise<ShimStatus> {
  const folder = shimFolder(comfyDir);
  const packageDir = options.packageDir ?? ownPackage;
  const next: Marker = { ...(await offered(packageDir)), linked: options.link === true };
  const old = (await readMarker(folder))?.files ?? [];
  for (const file of next.files.filter((name) => !old.includes(name))) await refuseForeign(join(folder, file));
  try {
    await mkdir(folder, { recursive: true });
    // The marker always names every file of ours, even after an interruption, so that a second try can renew or remove them.
    await writeMarker(folder, { ...next, files: [...new Set([...old, ...next.files])] });
    await removeFiles(folder, old);
    for (const file of next.files) await place(join(packageDir, 'comfyui', file), join(folder, file), next.linked);
    await writeFile(join(folder, stateName), `${resolve(options.stateDir)}\n`);
    await writeMarker(folder, next);
  } catch (error) {
    throw refused(error, folder, next.linked);
  }
  return shimStatus(comfyDir, { packageDir });
}

/**
 * Removes the resolver's files from the ComfyUI in `comfyDir`, and their compiled Python files; `left` are files of
 * others, which stay. Nothing is removed when it is not installed.
 * @throws CacheError as `installShim`.
 */
export async function uninstallShim(comfyDir: string): Promise<{ folder: string; removed: string[]; left: string[] }> {
  const folder = shimFolder(comfyDir);
  const marker = await readMarker(folder);
  if (!marker) return { folder, removed: [], left: [] };
  try {
    const removed = await removeFiles(folder, [...marker.files, stateName]);
    await removeMarker(folder);
    return { folder, removed, left: await listFiles(folder, true) };
  } catch (error) {
    throw refused(error, folder, false);
  }
}

/** The installation in the ComfyUI in `comfyDir`. @throws CacheError as `installShim`. */
export async function shimStatus(comfyDir: string, options: { packageDir?: string } = {}): Promise<ShimStatus> {
  const dir = comfyuiDir(comfyDir);
  const folder = shimFolder(comfyDir);
  const marker = await readMarker(folder);
  const packageDir = options.packageDir ?? ownPackage;
  return {
    folder,
    installed: marker !== null,
    version: marker?.version ?? null,
    upToDate: marker !== null && (await isCurrent(folder, marker, packageDir)),
    linked: marker?.linked ?? false,
    stateDir: marker && (await readFile(join(folder, stateName), 'utf8').catch(() => '')).trim(),
    comfyuiVersion: await comfyuiVersion(dir),
  };
}

function shimFolder(comfyDir: string): string {
  return join(comfyuiDir(comfyDir), 'custom_nodes', folderName);
}

async function offered(packageDir: string): Promise<{ version: string; files: string[] }> {
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile(join(packageDir, 'package.json'), 'utf8')));
  return { version, files: await listFiles(join(packageDir, 'comfyui')) };
}

async function isCurrent(folder: string, marker: Marker, packageDir: string): Promise<boolean> {
  const { version, files } = await offered(packageDir);
  if (version !== marker.version || files.join() !== marker.files.join()) return false;
  for (const file of files) {
    const installed = await readFile(join(folder, file)).catch(() => null);
    if (!installed?.equals(await readFile(join(packageDir, 'comfyui', file)))) return false;
  }
  return true;
}

function refused(error: unknown, folder: string, linked: boolean): unknown {
  const meaning = meaningOf(error);
  if (meaning !== 'denied' && meaning !== 'read-only') return error;
  const hint = linked
    ? 'links may need a privilege here: install without --link'
    : 'run this as the user that ComfyUI belongs to, or make the folder writable';
  return new CacheError('FORBIDDEN', `cannot change ${folder}: ${sentenceOf(error)}`, { hint, cause: error });
}
