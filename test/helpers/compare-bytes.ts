import { expect } from 'vitest';

// Vitest makes a string for the place of each byte that it compares: a third of the processor time of tests with large results.
expect.addEqualityTesters([
  (one: unknown, other: unknown): boolean | undefined =>
    one instanceof Uint8Array && other instanceof Uint8Array && one.constructor === other.constructor
      ? Buffer.compare(one, other) === 0
      : undefined,
]);
