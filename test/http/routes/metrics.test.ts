import { expect, test, vi } from 'vitest';
import { createClient } from '../../helpers/services.ts';

function arrange() {
  const rig = createClient();
  const scrape = async () => {
    const { headers, body } = await rig.app.inject({
      url: '/metrics',
      headers: { host: '127.0.0.1:8189', authorization: `Bearer ${rig.token}` },
    });
    expect(headers['content-type']).toContain('text/plain');
    return body;
  };
  /** The value of one line of the text. */
  const sample = async (line: string) =>
    Number(
      (await scrape())
        .split('\n')
        .find((one) => one.startsWith(`${line} `))
        ?.slice(line.length),
    );
  return { ...rig, scrape, sample };
}

test('what only grows is a counter, and nothing else is', async () => {
  const { scrape } = arrange();
  const types = [...(await scrape()).matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => ({ name, type }));
  expect(types.every(({ name }) => name.startsWith('autocached_'))).toBe(true);
  const counters = types.filter(({ type }) => type === 'counter').map(({ name }) => name);
  expect(counters).toEqual(expect.arrayContaining(types.map(({ name }) => name).filter((name) => name.endsWith('_total'))));
  expect(counters.filter((name) => !name.endsWith('_total'))).toEqual(['autocached_lookups']);
  expect(types).toContainEqual({ name: 'autocached_uptime_seconds', type: 'gauge' });
});

test('a counter never goes down, also when the totals behind it begin anew', async () => {
  const { catalog, sample } = arrange();
  const count = () => catalog.usage.add({ misses: 1, missBytes: 1000 });
  for (let time = 0; time < 3; time++) count();
  expect(await sample('autocached_misses_total')).toBe(3);
  expect(await sample('autocached_misses_total')).toBe(3);
  const lost = catalog.usage.daily().map((day) => ({ ...day, misses: 1, missBytes: 0 }));
  const daily = vi.spyOn(catalog.usage, 'daily').mockReturnValue(lost);
  expect(await sample('autocached_misses_total')).toBe(3);
  daily.mockRestore();
  count();
  expect(await sample('autocached_misses_total')).toBe(6);
  expect(await sample('autocached_miss_bytes_total')).toBe(7000);
});

test('the time of lookups is a summary: quantiles as numbers, sum and count', async () => {
  const { scrape, sample, services } = arrange();
  const record = (ms: number) =>
    services.lookupStats.record({ at: 0, path: '/a', reason: 'HIT', purpose: 'load', app: null }, ms);
  for (let ms = 1; ms <= 100; ms++) record(ms);
  const text = await scrape();
  expect(text).toContain('# TYPE autocached_lookup_seconds summary');
  expect(await sample('autocached_lookup_seconds{outcome="hit",quantile="0.5"}')).toBeCloseTo(0.051);
  expect(await sample('autocached_lookup_seconds{outcome="hit",quantile="0.99"}')).toBeCloseTo(0.1);
  expect(await sample('autocached_lookup_seconds_sum{outcome="hit"}')).toBeCloseTo(5.05);
  expect(await sample('autocached_lookup_seconds_count{outcome="hit"}')).toBe(100);
  expect(await sample('autocached_lookup_seconds_count{outcome="miss"}')).toBe(0);
  expect(await sample('autocached_lookups{reason="HIT"}')).toBe(100);
  expect(text).not.toContain('p50');
});
