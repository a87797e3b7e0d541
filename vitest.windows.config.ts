import { defineConfig } from 'vitest/config';

/** The Windows build, run under Wine. Its time is that of Wine: no test asks for less than minutes. */
export default defineConfig({
  test: {
    include: ['test/windows/**/*.test.ts'],
    globalSetup: ['test/windows/global-setup.ts'],
    testTimeout: 15 * 60_000,
    hookTimeout: 15 * 60_000,
    fileParallelism: false,
  },
});
