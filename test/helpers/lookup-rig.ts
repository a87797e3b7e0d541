import { vi } from 'vitest';
import type { LookupAnswer, LookupRequest } from '../../src/api/api.ts';
import { composeAnswering } from '../../src/compose/answering.ts';
import type { LookupOptions } from '../../src/lookup/collaborators.ts';
import { createFilters, type FilterOptions } from '../../src/lookup/filters.ts';
import { createRig, type RigOptions } from './rig.ts';

export interface LookupRigOptions extends RigOptions {
  waitMaxMs?: number;
  onMiss?: LookupOptions['onMiss'];
  filters?: Partial<FilterOptions>;
}

export type LookupRig = ReturnType<typeof createLookupRig>;

/** The rig, with the parts that answer lookups. */
export function createLookupRig(options: LookupRigOptions = {}) {
  const rig = createRig({ workers: 'inline', ...options });
  const lookupOptions: LookupOptions = {
    mode: rig.rules.mode,
    filters: createFilters({
      minSize: { overall: 0, by: {} },
      maxSize: { overall: null, by: {} },
      include: [],
      exclude: [],
      categories: [],
      ...options.filters,
    }),
    limit: () => rig.bound.limit,
    cacheState: () => rig.tier.state(),
    wantsOwnPath: (nodeClass) => nodeClass === 'GoesByPath',
    onMiss: options.onMiss ?? 'wait',
    waitMaxMs: options.waitMaxMs ?? 60_000,
    rateFor: () => null,
  };
  vi.spyOn(rig.planner, 'request');
  const onTrouble = vi.fn();
  const answering = composeAnswering({ ...rig, options: lookupOptions, onTrouble });
  const ask = (path: string | undefined, part: Partial<LookupRequest> = {}): Promise<LookupAnswer> =>
    answering.lookup.answer({
      ...(path !== undefined && { path }),
      purpose: 'load',
      waitMs: 0,
      client: { app: 'comfyui', pid: 1 },
      ...part,
    });
  /** The path of this source's copy, present or not. */
  const placeOf = (path: string) => rig.tier.placeOf(rig.root, rig.place(path).rel).path;
  return { ...rig, ...answering, stats: answering.lookupStats, options: lookupOptions, onTrouble, ask, placeOf };
}

/** Lets work run that was postponed until after an answer. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A rig with one source whose copy is in service. */
export async function withCopy(options: LookupRigOptions = {}, rel = 'checkpoints/a.safetensors') {
  const rig = createLookupRig(options);
  const { path, bytes } = rig.source(rel, 2 * 1024 * 1024);
  await rig.copy(path);
  return { rig, path, bytes, copy: rig.placeOf(path) };
}
