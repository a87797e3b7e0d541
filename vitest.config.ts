import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { filesLeftOut } from './test/left-out.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/full/**', 'test/windows/**', ...filesLeftOut(process.platform)],
    // Most tests wait for a daemon, a disk or a deadline, and leave the processor to others meanwhile.
    maxWorkers: availableParallelism(),
    setupFiles: ['test/helpers/setup.ts'],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text-summary'],
      thresholds: { lines: 90, functions: 88, branches: 84, statements: 90 },
    },
  },
});
