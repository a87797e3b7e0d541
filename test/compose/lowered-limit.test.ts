import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createMemo } from '../../src/index.ts';
import { runCli } from '../cli/run-cli.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { soon } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const files = { 'loras/a.safetensors': 600_000, 'loras/b.safetensors': 600_000 };

/** Two copies of 600 kB, and a daemon whose narrower bounds wait so long after a restart. */
async function withCopies(graceMs: number) {
  const daemon = await runDaemon(files, {}, tempDir(), { graceMs });
  const paths = Object.keys(files).map((name) => join(daemon.root, name));
  while ((await daemon.client.warm({ paths, wait: true })).ready < paths.length);
  const held = async () => (await daemon.client.stats()).tiers[0]?.files;
  const warnings = async () => (await daemon.client.stats()).warnings;
  return { daemon, held, warnings };
}

const hour = 3_600_000;

test.each([
  ['AUTOCACHE_LIMIT', '1MiB', 'frees 586 KiB, removes 1 of 2 copies'],
  ['AUTOCACHE_MIN_FREE', '99%', 'frees 1.14 MiB, removes 2 of 2 copies'],
  ['AUTOCACHE_MAX_AGE', '1ms', 'frees 1.14 MiB, removes 2 of 2 copies'],
  ['AUTOCACHE_QUOTAS', 'loras=1MiB', 'frees 586 KiB, removes 1 of 2 copies'],
])(
  '%s that was narrowed before a restart says what it costs, and costs nothing when it is set back',
  { tags: 'slow' },
  async (key, value, cost) => {
    const { daemon, held, warnings } = await withCopies(hour);
    await daemon.restart({ [key]: value });
    await expect
      .poll(warnings, soon())
      .toEqual([`${key}=${value} (environment) ${cost} after 3600 s; set it back to keep them`]);
    expect(await held()).toBe(2);
    const usual =
      { AUTOCACHE_LIMIT: 'auto', AUTOCACHE_MIN_FREE: '1', AUTOCACHE_MAX_AGE: 'none', AUTOCACHE_QUOTAS: '' }[key] ?? '';
    await daemon.restart({ [key]: usual });
    await expect.poll(warnings, soon()).toEqual([]);
    expect(await held()).toBe(2);
  },
);

test.each([
  ['AUTOCACHE_QUOTAS=loras=1MiB', 'frees 586 KiB, removes 1 of 2 copies'],
  ['AUTOCACHE_MAX_AGE=1ms', 'frees 1.14 MiB, removes 2 of 2 copies'],
  ['AUTOCACHE_HIGH_WATER=99%', null],
  ['AUTOCACHE_MAX_AGE=30d', null],
])('config %s says what leaves, and asks; nothing has left before', async (change, cost) => {
  const { daemon, held } = await withCopies(hour);
  const refused = await runCli(['config', change], { stateDir: daemon.stateDir });
  if (cost === null) expect(refused.err).not.toContain('removes');
  else
    expect(refused).toMatchObject({
      code: 2,
      err: expect.stringContaining(`${change} ${cost}, and there is nobody to ask here`),
    });
  expect(await held()).toBe(2);
});

test('config says what leaves above a lower high water mark, together with what is too old', async () => {
  const daemon = await runDaemon(files, { AUTOCACHE_LIMIT: '2MiB' });
  const paths = Object.keys(files).map((name) => join(daemon.root, name));
  while ((await daemon.client.warm({ paths, wait: true })).ready < paths.length);
  const run = (...words: string[]) => runCli(['config', ...words], { stateDir: daemon.stateDir });
  expect((await run('AUTOCACHE_HIGH_WATER=50%', 'AUTOCACHE_LOW_WATER=40%')).err).toContain(
    'AUTOCACHE_HIGH_WATER=50% AUTOCACHE_LOW_WATER=40% frees 586 KiB, removes 1 of 2 copies',
  );
  expect((await run('AUTOCACHE_HIGH_WATER=50%', 'AUTOCACHE_MAX_AGE=1ms')).err).toContain('removes 2 of 2 copies');
  expect((await daemon.client.stats()).tiers[0]?.files).toBe(2);
});

test('a limit that was lowered before a restart counts when its time is over, and at once after the next restart', {
  tags: 'slow',
}, async () => {
  const { daemon, held, warnings } = await withCopies(50);
  await daemon.restart({ AUTOCACHE_LIMIT: '1MiB' });
  await expect.poll(held, soon()).toBe(1);
  expect(await warnings()).toEqual([]);
});

test('a daemon that is started again with the same limit says nothing', { tags: 'slow' }, async () => {
  const { daemon, held, warnings } = await withCopies(hour);
  await daemon.restart();
  await expect.poll(async () => (await daemon.client.stats()).accounting, soon()).toBe(null);
  expect(await warnings()).toEqual([]);
  expect(await held()).toBe(2);
});

test('config says what a lower limit costs and asks; --yes does it, and no bar is fuller than full', async () => {
  const { daemon, held } = await withCopies(hour);
  const run = (...words: string[]) => runCli(['config', ...words], { stateDir: daemon.stateDir });
  const refused = await run('AUTOCACHE_LIMIT=1MiB');
  expect(refused).toMatchObject({ code: 2, out: '' });
  expect(refused.err).toContain('AUTOCACHE_LIMIT=1MiB frees 586 KiB, removes 1 of 2 copies, and there is nobody to ask here');
  const ask = { stateDir: daemon.stateDir, interactive: true, columns: 80 };
  const no = await runCli(['config', 'AUTOCACHE_LIMIT=1MiB'], { ...ask, input: 'n\n' });
  expect(no).toMatchObject({ code: 1, out: 'nothing changed\n' });
  expect(no.err).toContain('frees 586 KiB, removes 1 of 2 copies\n');
  expect(no.err).toContain('Change it? [y/N]');
  expect(await held()).toBe(2);

  await daemon.client.pin({ below: [daemon.root] });
  expect((await run('AUTOCACHE_LIMIT=200KiB', '--yes')).code).toBe(0);
  const { out } = await runCli(['status'], { stateDir: daemon.stateDir, columns: 80 });
  expect(out).toContain('100 %');
  expect(out).toContain('972 KiB over the limit');
  expect((await daemon.client.stats()).tiers[0]?.utilisation).toBe(1);
});

test('config says how many results a lower limit of theirs removes, and asks', async () => {
  const daemon = await runDaemon(files);
  await keepResults(daemon.stateDir, [1, 2, 3]);
  const items = () => resultsOf(daemon.stateDir);
  await expect.poll(items, soon()).toBe(3);
  const run = (...words: string[]) => runCli(['config', ...words], { stateDir: daemon.stateDir });
  const refused = await run('AUTOCACHE_MEMO_ITEMS=1');
  expect(refused).toMatchObject({ code: 2, out: '' });
  expect(refused.err).toMatch(
    /AUTOCACHE_MEMO_ITEMS=1 frees [\d.]+ KiB, removes 2 of 3 results, and there is nobody to ask here/,
  );
  expect((await run('AUTOCACHE_MEMO_LIMIT=1')).err).toContain('removes 3 of 3 results');
  expect((await run('AUTOCACHE_MEMO_ITEMS=3')).code).toBe(0);
  expect(await items()).toBe(3);
  expect((await run('AUTOCACHE_MEMO_ITEMS=1', '--yes')).code).toBe(0);
  await expect.poll(items, soon()).toBe(1);
});

test.each([
  ['AUTOCACHE_MEMO_ITEMS', '1', /removes 2 of 3 results/],
  ['AUTOCACHE_MEMO_LIMIT', '1', /removes 3 of 3 results/],
])(
  '%s that was lowered before a restart says what it costs, and costs nothing when it is set back',
  { tags: 'slow' },
  async (key, value, cost) => {
    const daemon = await runDaemon(files, {}, tempDir(), { graceMs: hour });
    await keepResults(daemon.stateDir, [1, 2, 3]);
    const items = () => resultsOf(daemon.stateDir);
    const warnings = async () => (await daemon.client.stats()).warnings;
    await daemon.restart({ [key]: value });
    await expect.poll(warnings, soon()).toEqual([expect.stringMatching(cost)]);
    expect((await warnings())[0]).toMatch(
      /^AUTOCACHE_MEMO_\w+=1 \(environment\) frees .* after 3600 s; set it back to keep them$/,
    );
    expect(await items()).toBe(3);
    // What comes meanwhile takes the place of one, not of all.
    await keepResults(daemon.stateDir, [4]);
    expect(await items()).toBe(3);
    await daemon.restart({ [key]: key === 'AUTOCACHE_MEMO_ITEMS' ? '10000' : 'auto' });
    await expect.poll(async () => (await daemon.client.stats()).accounting, soon()).toBe(null);
    expect(await warnings()).toEqual([]);
    expect(await items()).toBe(3);
  },
);

test('a limit of results that was lowered before a restart counts when its time is over', async () => {
  const daemon = await runDaemon(files, {}, tempDir(), { graceMs: 50 });
  await keepResults(daemon.stateDir, [1, 2, 3]);
  await daemon.restart({ AUTOCACHE_MEMO_ITEMS: '1' });
  await expect.poll(() => resultsOf(daemon.stateDir), soon()).toBe(1);
  expect((await daemon.client.stats()).warnings).toEqual([]);
});

/** Stores a result for each of these keys. */
async function keepResults(stateDir: string, keys: readonly number[]): Promise<void> {
  const memo = createMemo({ namespace: 'n', stateDir, timeoutMs: { connect: 10_000, answer: 10_000 } });
  for (const key of keys) await memo.getOrCompute(key, () => 'x'.repeat(1000));
  await memo.close();
}

/** How many there are. */
async function resultsOf(stateDir: string): Promise<number> {
  return JSON.parse((await runCli(['memo', 'list', '--json'], { stateDir })).out).total;
}

test('evict in a script says what it frees before it deletes', async () => {
  const { daemon } = await withCopies(hour);
  const { code, out, err } = await runCli(['evict', daemon.root], { stateDir: daemon.stateDir });
  expect({ code, err }).toEqual({ code: 0, err: 'frees 1.14 MiB, removes 2 of 2 copies\n' });
  expect(out).toContain('deleted 2 copies, 1.14 MiB');
});

test('evict on a terminal says what it frees, and asks', async () => {
  const { daemon, held } = await withCopies(hour);
  const run = (input: string) =>
    runCli(['evict', daemon.root], { stateDir: daemon.stateDir, interactive: true, columns: 80, input });
  const no = await run('n\n');
  expect(no.err).toContain('frees 1.14 MiB, removes 2 of 2 copies');
  expect(no).toMatchObject({ code: 1, out: 'nothing deleted\n' });
  expect(await held()).toBe(2);
  expect((await run('y\n')).code).toBe(0);
  expect(await held()).toBe(0);
});
