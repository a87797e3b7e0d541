import { defineConfig } from 'vitest/config';

/** What takes minutes: real daemons that are killed again and again. */
export default defineConfig({
  test: { include: ['test/full/**/*.test.ts'], testTimeout: 30 * 60_000, hookTimeout: 60_000, fileParallelism: false },
});
