import { globSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/helpers/longest-first.ts';
import { slowTests } from './test/helpers/slow.ts';
import { filesLeftOut, SlowLeftOut, slowTag } from './test/left-out.ts';

/**
 * Files that need a process of their own: they replace modules, which others would meet, look at the threads or the modules of their
 * process, or load ComfyUI's sidebar, whose timers go on. All others share processes: to load the program anew for each costs more than
 * most of them.
 */
const signs = /vi\.(mock|doMock)\(|\/proc\/self\/task|import\.meta\.url\)\.cache|'extensions', 'autocached'/;
const alone = globSync('test/**/*.test.ts')
  .filter((file) => signs.test(readFileSync(file, 'utf8')))
  .map((file) => file.replaceAll('\\', '/'));
const leftOut = ['test/full/**', 'test/windows/**', ...filesLeftOut(process.platform)];

export default defineConfig({
  test: {
    // Most tests wait for a daemon, a disk or a deadline, and leave the processor to others meanwhile.
    maxWorkers: 2 * availableParallelism(),
    sequence: { sequencer: LongestFirst },
    tags: [{ name: slowTag }],
    ...(!slowTests && { tagsFilter: [`!${slowTag}`] }),
    reporters: ['default', new SlowLeftOut()],
    setupFiles: ['test/helpers/setup.ts'],
    projects: [
      { extends: true, test: { name: 'alone', include: alone, exclude: leftOut } },
      {
        extends: true,
        test: { name: 'shared', include: ['test/**/*.test.ts'], exclude: [...leftOut, ...alone], isolate: false },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text-summary'],
      thresholds: { lines: 90, functions: 88, branches: 84, statements: 90 },
    },
  },
});
