import { globSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/helpers/longest-first.ts';
import { filesLeftOut } from './test/left-out.ts';

/** Rooms whose tests compute in the process that runs them. */
const rooms = ['catalog', 'config', 'core', 'lookup', 'media', 'policy', 'replay', 'runtime', 'weights', 'workflow'];
/** They share processes, but for those that replace a module: other tests would meet the replaced one. */
const sharing = globSync(rooms.map((room) => `test/${room}/**/*.test.ts`))
  .filter((file) => !/vi\.(mock|doMock)\(/.test(readFileSync(file, 'utf8')))
  .map((file) => file.replaceAll('\\', '/'));
const leftOut = ['test/full/**', 'test/windows/**', ...filesLeftOut(process.platform)];

export default defineConfig({
  test: {
    // Most tests wait for a daemon, a disk or a deadline, and leave the processor to others meanwhile.
    maxWorkers: Math.ceil(1.5 * availableParallelism()),
    sequence: { sequencer: LongestFirst },
    setupFiles: ['test/helpers/setup.ts'],
    projects: [
      { extends: true, test: { name: 'shared', include: sharing, exclude: leftOut, isolate: false } },
      { extends: true, test: { name: 'alone', include: ['test/**/*.test.ts'], exclude: [...leftOut, ...sharing] } },
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text-summary'],
      thresholds: { lines: 90, functions: 88, branches: 84, statements: 90 },
    },
  },
});
