import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { chunkSize } from '../../src/codec/chunk-hash.ts';
import { farmOn, idOf, nasWith, originBytes, slowDriver } from '../farm/farm-hosts.ts';
import { CuttableNetwork } from '../farm/partition.ts';
import { patience } from '../helpers/patience.ts';
import { eventually, leftOut, noRedis, startRedis } from '../helpers/redis.ts';

vi.mock('../../src/farm/farm-link.ts', async () => ({ farmLink: (await import('../farm/farm-hosts.ts')).patientLink }));

const size = 12 * chunkSize + 4321;
const chunks = 13;

/** Two hosts on each side. @param redisToo whether the far side loses the Redis as well */
async function twoSides({ redisToo }: { redisToo: boolean }) {
  const redis = await startRedis();
  const net = new CuttableNetwork();
  const start = farmOn(redis);
  const redisUrl = redisToo ? `redis://127.0.0.1:${await net.fromFarSide(redis.port)}` : redis.url;
  const onSide = (side: 'near' | 'far') =>
    start({
      ...(side === 'far' && { redisUrl }),
      async url(port, name) {
        if (side === 'far') net.farSide.add(name);
        return `https://127.0.0.1:${await net.before(port, name)}`;
      },
    });
  const near = [await onSide('near'), await onSide('near')] as const;
  const far = [await onSide('far'), await onSide('far')] as const;
  return { net, near, far, all: [...near, ...far], onSide };
}

describe.skipIf(noRedis !== null)(`8: a farm that is cut in two${leftOut}`, { timeout: patience(180_000) }, () => {
  test.each([{ redisToo: false }, { redisToo: true }])('and becomes one again: %j', async ({ redisToo }) => {
    const nas = nasWith(size);
    const { net, near, all, onSide } = await twoSides({ redisToo });
    const driver = slowDriver(nas.root, () => sleep(20));
    const begun = all.map((host) => host.next('gained'));
    const copying = all.map((host) => host.copy(nas, { driver }));
    await Promise.all(begun);
    net.isCut = true;
    const reports = await Promise.all(copying);
    expect(net.lost).toBeGreaterThan(0);
    for (const host of all) expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
    const [nearBytes, farBytes] = [originBytes(reports.slice(0, near.length)), originBytes(reports.slice(near.length))];
    // A busy machine may take a host for a dead one.
    expect(nearBytes).toBeLessThanOrEqual(1.5 * size);
    // Without the Redis each reads its own share first.
    expect(farBytes).toBeLessThanOrEqual(1.5 * size);

    net.isCut = false;
    const content = { id: await idOf(nas), chunks, origin: 'o', slots: 1 };
    for (const host of all) {
      const { has, hashes } = host.files.of(content.id) ?? raise();
      const entry = host.directory.join(content, host.name);
      const says = () => entry.announce(has, hashes).then(() => 'said', String);
      await expect.poll(says, eventually()).toBe('said');
    }
    const late = await onSide('far');
    const { farm } = await late.copy(nas);
    expect(farm).toMatchObject({ originBytes: 0 });
    expect(late.bytes(nas).equals(nas.bytes)).toBe(true);
  });
});

function raise(): never {
  throw new Error('it has none of it');
}
