import { expect, test } from 'vitest';
import { openCatalog, sourceFile } from '../helpers/catalog.ts';

const none = { hits: 0, evictions: 0, rejected: 0, loads: 0, loadMs: 0 };

test('what a tier did is known by file and in sum, over restarts', () => {
  const { catalog, file, close } = openCatalog();
  const [a, b] = ['a', 'b'].map((name) => catalog.entries.put(sourceFile(`loras/${name}.safetensors`)));
  if (!a || !b) throw new Error('two were put');
  const { tiers } = catalog.usage;
  tiers.add('ram', a.path, { hits: 2 });
  tiers.add('ram', b.path, { hits: 1, evictions: 1 });
  catalog.usage.flush();
  tiers.add('ram', a.path, { loads: 2, loadMs: 500 });
  tiers.add('ssd', a.path, { rejected: 1 });
  tiers.add('ssd', '/never/known', { rejected: 1 });
  catalog.usage.flush();
  close();
  const after = openCatalog({ file }).catalog.usage.tiers;
  expect(after.total('ram')).toEqual({ hits: 3, evictions: 1, rejected: 0, loads: 2, loadMs: 500 });
  expect(after.ofEntry(a.id)).toEqual([
    { ...none, tier: 'ram', hits: 2, loads: 2, loadMs: 500 },
    { ...none, tier: 'ssd', rejected: 1 },
  ]);
  expect(after.total('ssd').rejected).toBe(2);
  expect(after.total('cold')).toEqual(none);
});
