/**
 * For other Node programs: `createResolver().resolve(path)` answers where to open a model file, `createMemo()` keeps what they
 * compute (docs/MEMO.md), and `presets.t2vOneStage({ prompt })` and its like give prompts for ComfyUI (docs/PRESETS.md).
 */
export { CoalescedError, createMemo, type Memo } from './client/memo.ts';
export type { Invalidate, KeepOptions, Memoized, MemoizeOptions, MemoOptions } from './client/memo-options.ts';
export { ResultFile } from './client/memo-values.ts';
export {
  createResolver,
  type Resolution,
  type ResolveOptions,
  type Resolver,
  type ResolverOptions,
} from './client/resolver.ts';
export * as presets from './presets/functions.ts';
export type { ApiPrompt } from './presets/graph.ts';
