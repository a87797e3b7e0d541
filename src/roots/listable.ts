import { basename, sep } from 'node:path';
import { compileGlob } from '../core/glob.ts';
import { placeholderPath } from '../remotes/object-name.ts';
import type { ListedFile } from '../sources/client.ts';
import type { Root } from '../sources/root.ts';
import { isCompanion } from '../weights/companion-names.ts';
import { isModelName } from '../weights/extensions.ts';

/** The listed files that can be listed as models. Keys that are no valid file names are dropped. */
export function listable(root: Root, files: readonly ListedFile[]): ListedFile[] {
  const glob = root.remote?.list ?? null;
  const isMeant = glob === null ? () => true : compileGlob(glob, { ignoreCase: false, backslash: false });
  return files.filter(({ path }) => {
    const rel = path.slice(root.path.length + 1);
    const name = basename(rel);
    const key = rel.split(sep).join('/');
    if (placeholderPath(key) !== rel || !isMeant(key)) return false;
    return isModelName(name) || isCompanion('model.safetensors', name);
  });
}
