import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import type { TakeOverItem, TakeOverRequest } from '../api/take-over.ts';
import { messageOf } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import type { AdoptionWay, SourceFile, WantedFile } from '../core/types.ts';
import { reasonTerm } from '../core/vocabulary.ts';
import type { CopyInProgress } from '../lookup/collaborators.ts';
import type { Lookup } from '../lookup/lookup.ts';
import { isModelName } from '../weights/extensions.ts';

export interface TakeOverDeps {
  lookup: Pick<Lookup, 'examine'>;
  /** All known model files. */
  models(): Iterable<Model>;
  /** Whether a path is in a model folder. */
  isSource(path: string): boolean;
  /** Whether a path is that of a copy. */
  isCopy(path: string): boolean;
  adopt(file: WantedFile, adoption: { from: string; way: AdoptionWay }): CopyInProgress;
}

type Model = Pick<SourceFile, 'path' | 'rel' | 'category'> & { size: number };
type Offered = TakeOverRequest['files'][number];

/** Finds the possible models of another cache's files, and has them compared and adopted. */
export async function takeOver(request: TakeOverRequest, deps: TakeOverDeps): Promise<TakeOverItem[]> {
  const models = byName(deps.models());
  const items: TakeOverItem[] = [];
  // One after the other, because a library of thousands must not be checked all at once.
  for (const offered of request.files) items.push(await itemOf(offered, request, { ...deps, byName: models }));
  return items;
}

function byName(models: Iterable<Model>): Map<string, Model[]> {
  const found = new Map<string, Model[]>();
  for (const model of models) {
    const name = nameOf(model.path);
    found.set(name, [...(found.get(name) ?? []), model]);
  }
  return found;
}

async function itemOf(
  { path: from, size }: Offered,
  { way, check = false }: TakeOverRequest,
  deps: TakeOverDeps & { byName: ReadonlyMap<string, Model[]> },
): Promise<TakeOverItem> {
  const left = (why: string, path: string | null = null): TakeOverItem => ({ from, size, path, state: 'left', why, job: null });
  if (!isModelName(from)) return left('it is no model file');
  if (deps.isCopy(from)) return left('it is a copy of autocached already');
  const obstacle = await obstacleTo(from, deps);
  if (obstacle !== null) return left(obstacle);
  const named = deps.byName.get(nameOf(from)) ?? [];
  const [model] = bestFirst(
    from,
    named.filter((one) => one.size === size),
  );
  if (!model) {
    const [other] = bestFirst(from, named);
    if (!other) return left('no model of this name is in the model folders');
    return left(
      `${formatBytes(size)}, and the model has ${formatBytes(other.size)}: cut short, or of another version`,
      other.path,
    );
  }
  const { path } = model;
  const found = await deps.lookup.examine({ path, purpose: 'load', waitMs: 0, client: null }).catch(messageOf);
  if (found === null || typeof found === 'string') return left(found ?? 'its model is in no model folder', path);
  const { located, decision } = found;
  if (decision.serve === 'copy') return { ...left('', path), state: 'cached', why: null };
  if (!decision.request) return left(reasonTerm(decision.reason, false).says, path);
  if (check) return { ...left('', path), state: 'compared', why: null };
  const job = deps.adopt({ ...located, fingerprint: decision.request }, { from, way });
  return { ...left('', path), state: 'compared', why: null, job: job.view() };
}

/** Why a file cannot be adopted: a model adopted as a copy of itself would lose its time and rights, or be removed. */
async function obstacleTo(from: string, { isSource }: TakeOverDeps): Promise<string | null> {
  try {
    if (!isSource(from) && !isSource(await realpath(from))) return null;
    return 'it lies in a model folder: take that folder out of AUTOCACHE_ROOTS first';
  } catch (error) {
    return messageOf(error);
  }
}

/** The likely models of a file, best first: other caches keep category and name, not always the folders between them. */
function bestFirst(from: string, models: readonly Model[]): Model[] {
  const folders = new Set(from.toLowerCase().split(/[\\/]/));
  const shared = ({ path }: Model) =>
    path
      .toLowerCase()
      .split(/[\\/]/)
      .filter((folder) => folders.has(folder)).length;
  return [...models].sort((a, b) => shared(b) - shared(a));
}

function nameOf(path: string): string {
  const name = basename(path);
  return process.platform === 'linux' ? name : name.toLowerCase();
}
