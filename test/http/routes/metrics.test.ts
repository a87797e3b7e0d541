import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { packageDir } from '../../../src/runtime/package.ts';
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

test('every series that the Grafana dashboard asks for exists, with its labels', async () => {
  const { scrape, services } = arrange();
  services.lookupStats.record({ at: 0, path: '/a', reason: 'HIT', purpose: 'load', app: null }, 1);
  services.memo.served.hit('n', 'ram');
  const text = await scrape();
  const types = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
  const dashboard = JSON.parse(readFileSync(join(packageDir, 'config/grafana/autocached.json'), 'utf8')) as Dashboard;
  const asked = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  expect(asked.length).toBeGreaterThan(20);
  for (const expr of asked) {
    for (const [, name = ''] of expr.matchAll(/\b(autocached_\w+)/g)) expect(types, expr).toContain(name);
    const [, labels = '', name = ''] = /by \(([\w, ]+)\) \((?:\w+\()?(autocached_\w+)/.exec(expr) ?? [];
    for (const label of labels.split(', ').filter((one) => one !== '')) {
      expect(text, expr).toMatch(new RegExp(`^${name}\\{[^}]*\\b${label}="`, 'm'));
    }
  }
});

const python = process.env['PROMETHEUS_PYTHON'] ?? 'python3';
const isThere = spawnSync(python, ['-c', 'import prometheus_client.parser']).status === 0;
const leftOut = isThere ? '' : ` (left out: ${python} has no prometheus_client; PROMETHEUS_PYTHON names one that has)`;
const parser = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families
print(json.dumps({family.name: [family.type, len(family.samples)] for family in text_string_to_metric_families(sys.stdin.read())}))
`;

test.runIf(isThere)(`Prometheus’ own parser reads the text${leftOut}`, async () => {
  const text = await arrange().scrape();
  const { stdout, stderr, status } = spawnSync(python, ['-c', parser], { input: text, encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  const families = JSON.parse(stdout) as Record<string, [string, number]>;
  expect(Object.keys(families)).toHaveLength([...text.matchAll(/^# TYPE /gm)].length);
  expect(families).toMatchObject({
    autocached_hits: ['counter', 1],
    autocached_uptime_seconds: ['gauge', 1],
    autocached_lookup_seconds: ['summary', 10],
  });
});

interface Dashboard {
  panels: { targets: { expr: string }[] }[];
}

test('variants are counted, with the bytes that they have of the limit', async () => {
  const { catalog, sample } = arrange();
  expect([await sample('autocached_variants'), await sample('autocached_variant_bytes')]).toEqual([0, 0]);
  const fingerprint = { size: 900, mtimeNs: '1', ino: null };
  const facts = { architecture: 'wan', leastSqnr: null, layers: 0 };
  for (const name of ['a', 'b'])
    catalog.variants.enter({ path: `/${name}`, source: null, fingerprint, recipe: '{}', bytes: 400, facts });
  expect([await sample('autocached_variants'), await sample('autocached_variant_bytes')]).toEqual([2, 800]);
});
