import { createHash, randomUUID } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseRedis } from '../../src/config/redis-servers.ts';
import { ChunkSet } from '../../src/farm/chunk-set.ts';
import { mostHolders } from '../../src/farm/directory.ts';
import { ownVersions } from '../../src/farm/peer-wire.ts';
import { RedisDirectory } from '../../src/farm/redis-directory.ts';
import { RedisLink } from '../../src/redis/link.ts';
import { createLog } from '../../src/runtime/log.ts';
import { simulate } from '../farm/schedules.ts';
import { patience } from '../helpers/patience.ts';
import { eventually, leftOut, noRedis, startRedis } from '../helpers/redis.ts';

const thousand = 1000;
/** Of 8 MiB, in a model of 20 GB. */
const chunksOf20GB = 2385;

/** What `docs/FARM.md` says of 1,000 hosts: these figures are printed, and bounded. */
describe('1,000 hosts that fetch one model at one moment', { timeout: patience(600_000) }, () => {
  test.each([64, 250, thousand])('%i of them, as the planner does it', async (count) => {
    const chunks = 64;
    const originChunkTime = 67;
    const farm = await simulate({
      chunks,
      seed: 1,
      originChunkTime,
      slots: 4,
      hosts: Array.from({ length: count }, (_, index) => ({ joinsAt: index % 2000, chunkTime: 67 })),
    });
    const times = farm.hosts.map(({ finishedAt }) => finishedAt ?? Number.POSITIVE_INFINITY);
    const [first, last] = [Math.min(...times), Math.max(...times)];
    const seconds = last / 1000;
    const questions = Object.entries(farm.questions).map(([kind, asked]) => [
      kind,
      Number((asked / count / seconds).toFixed(2)),
    ]);
    const all = Object.values(farm.questions).reduce((sum, asked) => sum + asked, 0);
    const perHost = all / count / seconds;
    process.stderr.write(
      `${count} hosts: origin ${farm.originReads / chunks}x, first ${first} ms, last ${last} ms; ` +
        `${perHost.toFixed(1)} questions a second of each host: ${JSON.stringify(Object.fromEntries(questions))}\n`,
    );
    expect(farm.originReads / chunks).toBeLessThanOrEqual(1.05);
    expect(last).toBeLessThan(10 * chunks * originChunkTime);
    expect(perHost).toBeLessThan(30);
  });

  test.skipIf(noRedis !== null)(`what they take in a Redis${leftOut}`, async () => {
    const server = await startRedis();
    const servers = parseRedis(server.url);
    if (!servers) throw new Error('no address');
    const link = new RedisLink({ servers, log: createLog({ level: 'silent', form: 'json' }), purpose: 'tests' });
    onTestFinished(() => link[Symbol.asyncDispose]());
    await expect.poll(() => link.state.state, eventually()).toBe('up');
    const directory = new RedisDirectory(link, randomUUID(), patience(10_000));
    const id = createHash('sha256').update('model').digest('hex');
    const content = { id, chunks: chunksOf20GB, origin: 'nas', slots: 4 };
    const hashes = new Map(Array.from({ length: chunksOf20GB }, (_, chunk) => [chunk, sha256Of(chunk)]));
    const usage = async () => Number(/used_memory:(\d+)/.exec(await server.cli('info', 'memory'))?.[1]);
    const cpuMs = async () => {
      const info = await server.cli('info', 'cpu');
      return (
        1000 *
        (Number(/used_cpu_user_main_thread:([\d.]+)/.exec(info)?.[1]) +
          Number(/used_cpu_sys_main_thread:([\d.]+)/.exec(info)?.[1]))
      );
    };
    /** ms of the server's processor for one of them. */
    const costOf = async (times: number, ask: (index: number) => Promise<unknown>) => {
      const before = await cpuMs();
      for (let index = 0; index < times; index++) await ask(index);
      return ((await cpuMs()) - before) / times;
    };
    const facts = (host: string) => ({
      ...{ host, url: `https://${host}.lan:8390`, version: '1.0.0', wire: ownVersions, weight: 2 ** 40 },
      ...{ originBytes: 10 ** 12, receivedBytes: 10 ** 12, givenBytes: 10 ** 12 },
    });
    const names = Array.from({ length: thousand }, (_, index) => `gpu-node-${index}-abcd`);
    const empty = await usage();
    const beat = await costOf(thousand, (index) => directory.beat(facts(names[index] ?? '')));
    const hosts = (await usage()) - empty;
    const entries = names.map((name) => directory.join(content, name));
    await entries[0]?.announce(ChunkSet.all(chunksOf20GB), hashes);
    const announce = await costOf(thousand, async (index) => entries[index]?.announce(ChunkSet.all(chunksOf20GB), new Map()));
    const held = (await usage()) - empty - hosts;
    const got = await costOf(5000, async (index) => entries[index % thousand]?.got(index % chunksOf20GB));
    const holders = await costOf(500, async (index) => entries[index % thousand]?.holders());
    const news = await costOf(500, async (index) => entries[index % thousand]?.news());
    const all = await costOf(100, () => directory.hosts());
    const told = (await entries[0]?.holders())?.holders.length ?? 0;
    const ms = { beat, announce, got, holders, news, hosts: all };
    const rounded = Object.fromEntries(Object.entries(ms).map(([kind, cost]) => [kind, Number(cost.toFixed(3))]));
    process.stderr.write(
      `${thousand} hosts in Redis: ${Math.round(hosts / 1000)} KB, a model of 20 GB that all have: ${Math.round(held / 1000)} KB; ` +
        `ms of its processor: ${JSON.stringify(rounded)}\n`,
    );
    expect(told).toBeGreaterThanOrEqual(mostHolders - 1);
    expect(told).toBeLessThanOrEqual(mostHolders);
    expect(hosts + held).toBeLessThan(5e6);
  });
});

function sha256Of(chunk: number): string {
  return createHash('sha256').update(String(chunk)).digest('hex');
}
