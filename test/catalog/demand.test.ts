import { expect, test } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import { Forecast } from '../../src/core/demand.ts';
import { openCatalog, sourceFile } from '../helpers/catalog.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

const hour = 3600 * 1000;

test('what the wishes of all files have shown, and the demand for each, outlive a restart to the last bit', () => {
  const { catalog, file, close } = openCatalog();
  const ids = ['a', 'b', 'c'].map((name) => catalog.entries.put(sourceFile(`loras/${name}`)).id);
  for (let k = 0; k < 50; k++) catalog.entries.addUses(ids[k % 3] ?? 0, 1, k, 1e12 + k * 7 * hour);
  const before = { habits: catalog.entries.habits.get(), demand: ids.map((id) => catalog.entries.byId(id)?.demand) };
  expect(before.habits?.totals.at(-1)).toBeGreaterThan(30);
  close();
  const again = new Catalog(file, new ManualClock());
  expect({ habits: again.entries.habits.get(), demand: ids.map((id) => again.entries.byId(id)?.demand) }).toEqual(before);
  again[Symbol.dispose]();
});

test('a catalog that has only votes has the habits that they tell', () => {
  const { catalog } = openCatalog();
  const [old, fresh] = ['old', 'fresh'].map((name) => catalog.entries.put(sourceFile(`loras/${name}`)));
  catalog.entries.addUses(old?.id ?? 0, 1, 1, 1e12);
  const known = catalog.entries.habits.first(1e12);
  expect(known.totals).toEqual(known.totals.map(() => 1));
  catalog.entries.addUses(fresh?.id ?? 0, 1, 2, 1e12 + hour);
  const [one, other] = [old, fresh].map((entry) => catalog.entries.byId(entry?.id ?? 0)?.demand);
  const forecast = new Forecast(catalog.entries.habits.get() ?? failed(), 1e12 + hour);
  expect(one && other && forecast.of(other) - forecast.of(one)).toBeGreaterThan(0);
});

function failed(): never {
  throw new Error('it is not there');
}
