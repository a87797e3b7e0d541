import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { probeSmallReads } from '../../../src/sources/drivers/posix/probe.ts';
import { tempDir } from '../../helpers/temp-dir.ts';

test.runIf(process.platform === 'linux')(
  'a few small reads tell how slow a source is with them; small files tell nothing',
  () => {
    const file = join(tempDir(), 'a');
    writeFileSync(file, Buffer.alloc(4 * 1024 * 1024, 1));
    const startedAt = performance.now();
    const ms = probeSmallReads(file);
    expect(ms).toBeGreaterThan(0);
    expect(ms).toBeLessThan(performance.now() - startedAt);
    writeFileSync(file, 'x');
    expect(probeSmallReads(file)).toBeNull();
  },
);
