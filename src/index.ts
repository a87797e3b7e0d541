/**
 * For other Node programs: `createResolver().resolve(path)` answers where to open a model file, and `createMemo()` keeps what they
 * compute (docs/MEMO.md).
 */
export { CoalescedError, createMemo, type Memo } from './client/memo.ts';
export type { Invalidate, KeepOptions, MemoizeOptions, MemoOptions } from './client/memo-options.ts';
export { ResultFile } from './client/memo-values.ts';
export {
  createResolver,
  type Resolution,
  type ResolveOptions,
  type Resolver,
  type ResolverOptions,
} from './client/resolver.ts';
