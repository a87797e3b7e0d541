import { expect, onTestFinished, test, vi } from 'vitest';
import { ChunkSet } from '../../src/farm/chunk-set.ts';
import { MemoryDirectory } from '../../src/farm/memory-directory.ts';
import { ownVersions } from '../../src/farm/peer-wire.ts';
import { Swarm } from '../../src/farm/swarm.ts';
import { SwarmTalk } from '../../src/farm/swarm-talk.ts';

const content = { id: 'a', chunks: 8, origin: '', slots: 0 };
const traffic = { version: '1', wire: ownVersions, weight: 1, originBytes: 0, receivedBytes: 0, givenBytes: 0 };

/** Time stands still, until it is set forward. */
function talking() {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const directory = new MemoryDirectory(() => performance.now());
  const hosts = vi.spyOn(directory, 'hosts');
  const talk = new SwarmTalk({
    content,
    size: 8,
    host: 'own',
    directory,
    peers: { content: async () => null },
    swarm: new Swarm(content.chunks, { now: performance.now(), random: Math.random }),
    proven: new Map(),
    known: [],
    onAnswer() {},
    signal: AbortSignal.timeout(60_000),
  });
  const announce = (host: string) => directory.join(content, host).announce(ChunkSet.all(content.chunks), new Map(), 60_000);
  const join = (host: string) => directory.beat({ host, url: `https://${host}`, ...traffic });
  /** Each asks the directory anew, since it has no hash. */
  const poll = () => talk.learnHashes({ from: 0, to: 1 });
  return { talk, hosts, announce, join, poll };
}

test('the directory is not asked at each poll for a host that is gone, and still announced', async () => {
  const { talk, hosts, announce, poll } = talking();
  await announce('gone');
  for (let polls = 0; polls < 20; polls++) await poll();
  expect(await talk.urlOf('gone')).toBeUndefined();
  expect(await talk.isAlone()).toBe(true);
  expect(hosts).toHaveBeenCalledTimes(1);
});

test('a host that joins beside one that is gone is known at once, and the one that is back after a second', async () => {
  const { talk, hosts, announce, join, poll } = talking();
  await announce('gone');
  await poll();
  await join('new');
  await announce('new');
  await poll();
  expect(await talk.isAlone()).toBe(false);
  expect(await talk.urlOf('new')).toBe('https://new');
  expect(hosts).toHaveBeenCalledTimes(2);
  await join('gone');
  expect(await talk.urlOf('gone')).toBeUndefined();
  vi.advanceTimersByTime(1000);
  expect(await talk.urlOf('gone')).toBe('https://gone');
  expect(hosts).toHaveBeenCalledTimes(3);
});
