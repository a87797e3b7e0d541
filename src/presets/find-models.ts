import { basename, extname } from 'node:path';
import type { WarmItem } from '../api/api.ts';
import type { PresetModel } from '../api/presets.ts';
import type { Fingerprint } from '../core/types.ts';
import type { ModelFile, NameOf } from './graph.ts';

export interface FindModelsDeps {
  /** The state of these files, in their order. */
  check(names: readonly { category: string; name: string }[]): Promise<WarmItem[]>;
  /** The files of a category named `stem`, with any extension and in any folder. */
  withStem(category: string, stem: string): Promise<readonly string[]>;
  fingerprintOf(path: string): Promise<Fingerprint | 'missing' | null>;
}

/** The files of a graph on this machine. */
export interface FoundModels {
  models: PresetModel[];
  nameOf: NameOf;
  /** Their identities: another file has another identity, even with the same name. */
  identities: (Record<string, unknown> | null)[];
}

/** Looks for the files of a preset: under their published names, in any folder of their category. */
export async function findModels(deps: FindModelsDeps, files: readonly ModelFile[]): Promise<FoundModels> {
  const first = await deps.check(files);
  const found = await Promise.all(files.map((file, index) => elsewhere(deps, file, first[index] as WarmItem)));
  const names = new Map(files.map((file, index) => [pathOf(file), found[index]?.name ?? file.name]));
  return {
    models: files.map((file, index) => modelOf(file, found[index]?.item as WarmItem)),
    nameOf: (file) => names.get(pathOf(file)) ?? file.name,
    identities: await Promise.all(found.map(({ name, item }) => identityOf(deps, name, item))),
  };
}

interface Found {
  /** Its name in ComfyUI. */
  name: string;
  item: WarmItem;
}

async function elsewhere({ check, withStem }: FindModelsDeps, { category, name }: ModelFile, item: WarmItem): Promise<Found> {
  if (stateOf(item) !== 'missing') return { name, item };
  const stem = basename(name, extname(name));
  const [other] = (await withStem(category, stem)).filter((found) => basename(found) === basename(name));
  const [there] = other === undefined ? [] : await check([{ category, name: other }]);
  return other !== undefined && there && stateOf(there) !== 'missing'
    ? { name: nameInComfyui(other), item: there }
    : { name, item };
}

/** ComfyUI lists the files of folders with the separator of its system. */
function nameInComfyui(name: string): string {
  return process.platform === 'win32' ? name.replaceAll('/', '\\') : name;
}

/** Path of a file below the model folders. */
export function pathOf({ category, name }: ModelFile): string {
  return `${category}/${name}`;
}

export function stateOf({ size, ready, reason }: WarmItem): PresetModel['state'] {
  if (ready || size !== null) return 'here';
  return reason === 'SOURCE_AWAY' || reason === 'NOT_PERMITTED' ? 'away' : 'missing';
}

function modelOf(file: ModelFile, item: WarmItem): PresetModel {
  const { path, tier, ready, size, word, why } = item;
  return { ...file, state: stateOf(item), path, tier, ready, size, word, why };
}

async function identityOf(
  { fingerprintOf }: FindModelsDeps,
  name: string,
  { path }: WarmItem,
): Promise<Record<string, unknown> | null> {
  const found = path === null ? null : await fingerprintOf(path);
  if (found === null || found === 'missing') return null;
  const { size, mtimeNs } = found;
  return { name, path, size, mtimeNs };
}
