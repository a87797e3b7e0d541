import { expect, test } from 'vitest';
import { openCatalog, sourceFile } from '../helpers/catalog.ts';
import { cpuTimeOf } from '../helpers/cpu-time.ts';

test('a lost catalog finds a copy as fast among thousands with equal bytes as among a few', () => {
  const { catalog } = openCatalog();
  let entered = 0;
  const enter = (count: number) =>
    catalog.transaction(() => {
      for (const end = entered + count; entered < end; entered += 1) {
        const { fingerprint: source, ...file } = sourceFile(`loras/${entered}`);
        const { id: entryId } = catalog.entries.put({ ...file, fingerprint: source });
        const seal = { size: source.size, mtimeNs: source.mtimeNs, ino: String(entered) };
        catalog.copies.adopt({ entryId, tier: 'ssd', path: `/ssd/${file.rel}` }, { seal, hash: 'h', sha256: null, source });
      }
    });
  const fastest = () => Math.min(...Array.from({ length: 10 }, () => cpuTimeOf(() => enter(20))));
  const amongFew = fastest();
  enter(6000);
  expect(fastest()).toBeLessThan(3 * amongFew);
});
