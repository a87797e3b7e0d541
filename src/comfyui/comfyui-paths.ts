import { posix, win32 } from 'node:path';
import { CacheError, sentenceOf } from '../core/errors.ts';
import { pathRules } from '../media/paths.ts';
import { meaningOf } from '../runtime/errnos.ts';
import { readSmallFile } from '../runtime/small-file.ts';
import { decodeUtf8 } from '../runtime/utf8.ts';
import { currentCategory, standardCategories } from './categories.ts';
import type { PathVariables } from './expand.ts';
import type { ExtraPaths } from './extra-paths.ts';

export interface ComfyuiPath {
  path: string;
  /** Null: the first folder below `path` is the category (`models/` itself, for the folders of custom nodes). */
  category: string | null;
  origin: 'comfyui';
  /** ComfyUI looks there if it exists; its absence is no fault. */
  optional: boolean;
}

export interface ComfyuiOptions extends Partial<PathVariables> {
  home: string;
  /** Text of a file, null when there is none. For a ComfyUI on a NAS, it reads through a child process. */
  readText?: (path: string) => Promise<string | null>;
}

/** Files in the directory of ComfyUI, by precedence. */
export const pathFiles = ['extra_paths.yaml', 'extra_model_paths.yaml'] as const;

const saved = ['checkpoints', 'clip', 'vae', 'diffusion_models', 'loras'];

/**
 * The model folders of a ComfyUI directory, in ComfyUI's order within each category: its `models/`, those added by
 * `extra_paths.yaml` (or, without one, `extra_model_paths.yaml`), and those of the models that ComfyUI itself saves.
 * Only the two yaml files are read, so a model folder that is offline is found too.
 * @throws CacheError `BAD_CONFIG` with file and line; another code when a file cannot be read: `ownPaths` needs none
 */
export async function comfyuiPaths(directory: string, options: ComfyuiOptions): Promise<ComfyuiPath[]> {
  const { home, environment = {}, platform = process.platform, readText = readTextFile } = options;
  const paths = platform === 'win32' ? win32 : posix;
  const base = paths.resolve(directory);
  let extra: ExtraPaths = { paths: [], output: null };
  for (const name of pathFiles) {
    const file = paths.join(base, name);
    const text = await readText(file).catch((error) => refused(file, error));
    if (text === null) continue;
    // Most have no such file, and the YAML reader is slow to load.
    const { readExtraPaths } = await import('./extra-paths.ts');
    extra = readExtraPaths(text, file, { home, environment, platform });
    break;
  }
  const folders = new FolderLists(platform);
  for (const [category, names] of Object.entries(standardCategories)) {
    for (const name of names)
      folders.add({ path: paths.join(base, 'models', name), category, isDefault: false, optional: true });
  }
  for (const folder of extra.paths) folders.add(folder);
  const output = extra.output ?? paths.join(base, 'output');
  for (const name of saved) {
    folders.add({ path: paths.join(output, name), category: currentCategory(name), isDefault: false, optional: true });
  }
  const models = { path: paths.join(base, 'models'), category: null, origin: 'comfyui' as const, optional: false };
  return [...folders.all(), models];
}

/** Those of a ComfyUI directory whose yaml files cannot be read, as far as they are known without. */
export function ownPaths(directory: string, options: Omit<ComfyuiOptions, 'readText'>): Promise<ComfyuiPath[]> {
  return comfyuiPaths(directory, { ...options, readText: async () => null });
}

type Folder = ExtraPaths['paths'][number];

/** One ordered list of folders per category, filled like ComfyUI's `add_model_folder_path`: a default goes to the front. */
class FolderLists {
  #lists = new Map<string, Map<string, Folder>>();
  #key: (path: string) => string;

  constructor(platform: NodeJS.Platform) {
    this.#key = pathRules(platform).key;
  }

  add(folder: Folder): void {
    const key = this.#key(folder.path);
    const list = this.#lists.get(folder.category) ?? new Map<string, Folder>();
    const known = list.get(key);
    const merged = known ? { ...known, optional: known.optional && folder.optional } : folder;
    if (folder.isDefault) list.delete(key);
    this.#lists.set(folder.category, folder.isDefault ? new Map([[key, merged], ...list]) : list.set(key, merged));
  }

  all(): ComfyuiPath[] {
    return [...this.#lists.values()].flatMap((list) =>
      [...list.values()].map(({ path, category, optional }) => ({ path, category, origin: 'comfyui' as const, optional })),
    );
  }
}

/** Maximum size of a yaml file, above that of any that a person writes. */
const mostBytes = 1024 * 1024;

async function readTextFile(path: string): Promise<string | null> {
  try {
    return decodeUtf8(await readSmallFile(path, mostBytes), path);
  } catch (error) {
    if (meaningOf(error) === 'missing') return null;
    throw error;
  }
}

/** Names the file, however it was read. That it cannot be read is no fault of its text. */
function refused(file: string, error: unknown): never {
  const why = sentenceOf(error);
  const code = error instanceof CacheError ? error.code : 'SOURCE_IO';
  throw new CacheError(code, why.includes(file) ? why : `cannot read ${file}: ${why}`, { cause: error });
}
