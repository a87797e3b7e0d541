import type { CopyHooks } from '../src/transfer/each-block.ts';

/** Hooks of a copy that goes at full speed, and that nobody follows. */
export const unfollowed: CopyHooks = {
  progress: () => {},
  resuming: () => {},
  paced: () => false,
  ask: async () => {},
  urgent: () => false,
  signal: new AbortController().signal,
};
