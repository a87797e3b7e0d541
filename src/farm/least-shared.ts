import { chunkSize } from '../codec/chunk-hash.ts';

/** Minimum size of a shared file, bytes: a smaller one is read from its source before other hosts answer. */
export const leastShared = 2 * chunkSize;
