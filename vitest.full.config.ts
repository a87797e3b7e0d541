import { defineConfig } from 'vitest/config';

/** What takes minutes: real daemons that are killed again and again. */
export default defineConfig({
  test: {
    include: ['test/full/**/*.test.ts'],
    env: { TESTED_PROGRAM: 'dist/bin/autocached.js' },
    testTimeout: 2 * 60 * 60_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
