import { describe, expect, test } from 'vitest';
import type { WarmHost, WarmRequest } from '../../src/api/api.ts';
import { type FakeDaemon, startFakeDaemon } from './fake-daemon.ts';
import { runCli } from './run-cli.ts';
import { readyItem as ready } from './samples.ts';

const key = 'POST /api/cache/warm';

describe('warm --hosts', () => {
  const [name] = [ready.item];
  const has = { item: name, ready: true, reason: 'HIT', message: null } as const;
  const full = { item: name, ready: false, reason: 'NO_SPACE', message: 'it does not fit' } as const;

  function inFarm(...hosts: WarmHost[]): Promise<FakeDaemon> {
    return startFakeDaemon({
      [key]: ({ body }) => ({ items: [ready], ready: 1, missing: 0, ...((body as WarmRequest).hosts && { hosts }) }),
    });
  }

  test('has other hosts copy too, and says what each of them has', async () => {
    await using daemon = await inFarm({ host: 'gpu2', state: 'done', items: [has] });
    const { code, out } = await runCli(['warm', name, '--hosts', '2'], { stateDir: daemon.stateDir });
    expect(out).toContain('gpu2: 1 of 1 file ready');
    expect(code).toBe(0);
    expect(daemon.bodies(key)).toContainEqual(expect.objectContaining({ hosts: 2, wait: true }));
  });

  test.each<[string, string, WarmHost[]]>([
    [
      'a host that has no room',
      'gpu2: 0 of 1 file ready\n  loras/a.safetensors: it does not fit',
      [{ host: 'gpu2', state: 'done', items: [full] }],
    ],
    [
      'a host that does not answer',
      'gpu2: does not answer',
      [{ host: 'gpu2', state: 'silent', items: [{ ...full, reason: null }] }],
    ],
    ['too few hosts', 'no other host of the farm was asked', []],
  ])('fails with %s', async (_, words, hosts) => {
    await using daemon = await inFarm(...hosts);
    const { code, out } = await runCli(['warm', name, '--hosts', '2'], { stateDir: daemon.stateDir });
    expect(out).toContain(words);
    expect(code).toBe(1);
    expect((await runCli(['warm', name, '--hosts', '2', '--check'], { stateDir: daemon.stateDir })).code).toBe(4);
  });

  test.each([
    ['--hosts', '0'],
    ['--hosts', 'some'],
    ['--hosts', 'all', '--ram'],
  ])('refuses %j', async (...options) => {
    await using daemon = await inFarm();
    expect((await runCli(['warm', name, ...options], { stateDir: daemon.stateDir })).code).toBe(2);
    expect(daemon.bodies(key)).toEqual([]);
  });
});
