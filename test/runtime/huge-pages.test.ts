import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hugeMemory, mallocTunables } from '../../src/runtime/huge-pages.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const MiB = 1024 * 1024;
const source = new URL('../../src/runtime/huge-pages.ts', import.meta.url).href;

/** Whether this machine has them: by its own word, and that of the C library. */
const areThere =
  process.platform === 'linux' &&
  readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'utf8').includes('[madvise]') &&
  (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header.glibcVersionRuntime !== undefined;

/** Prints what the expression gives, in a process that started with these variables. */
function inProcess(expression: string, env: NodeJS.ProcessEnv): unknown {
  const program = `
    import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
    import { hugeMemory } from ${JSON.stringify(source)};
    const MiB = ${MiB};
    const hugeKiB = () => Number(/^AnonHugePages: *(\\d+)/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))[1]);
    console.log(JSON.stringify(${expression}));`;
  const args = ['--experimental-strip-types', '--no-warnings', '--input-type=module', '--eval', program];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', env: { PATH: process.env['PATH'], ...env } }));
}

describe('memory in huge pages', () => {
  const tuned = { GLIBC_TUNABLES: mallocTunables };

  test.runIf(areThere)('is of huge pages for the most part, as large as asked, also when it was freed and taken again', () => {
    const taken = `[6, 8, 6].map((size) => { const before = hugeKiB(); const bytes = hugeMemory(size * MiB).fill(1);
      return [bytes.length, (hugeKiB() - before) / 1024 >= size - 2]; })`;
    expect(inProcess(taken, tuned)).toEqual([
      [6 * MiB, true],
      [8 * MiB, true],
      [6 * MiB, true],
    ]);
  });

  test.runIf(areThere)('begins at a page: reads past the page cache fill it', () => {
    const file = join(tempDir(), 'weights.bin');
    writeFileSync(file, Buffer.alloc(8 * MiB, 'weights'));
    const read = `(() => { const fd = openSync(${JSON.stringify(file)}, constants.O_RDONLY | constants.O_DIRECT);
      return [6, 4, 8].map((size) => { const bytes = hugeMemory(size * MiB); readSync(fd, bytes, 0, bytes.length, 0);
        return bytes.equals(readFileSync(${JSON.stringify(file)}).subarray(0, bytes.length)); }); })()`;
    expect(inProcess(read, tuned)).toEqual([true, true, true]);
  });

  test('is not given for little, nor in a process that was started without', () => {
    expect(inProcess('hugeMemory(MiB)', tuned)).toBeNull();
    expect(inProcess('hugeMemory(8 * MiB)', {})).toBeNull();
    expect(hugeMemory(8 * MiB)).toBeNull();
  });

  const jemalloc = spawnSync('sh', ['-c', 'ls /usr/lib/*/libjemalloc.so.2 2>/dev/null']).stdout.toString().trim();
  test.skipIf(jemalloc === '')('is not given where another allocator is loaded, which places it elsewhere', () => {
    expect(inProcess('hugeMemory(8 * MiB)', { ...tuned, LD_PRELOAD: jemalloc })).toBeNull();
  });
});
