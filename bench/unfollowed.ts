import type { CopyHooks } from '../src/transfer/each-block.ts';

/** Hooks of a copy that runs at full speed without an observer. */
export const unfollowed: CopyHooks = {
  progress: () => {},
  resuming: () => {},
  paced: () => false,
  ask: async () => {},
  urgent: () => false,
  signal: new AbortController().signal,
};
