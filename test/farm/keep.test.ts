import { expect, test } from 'vitest';
import { rendezvous } from '../../src/farm/rendezvous.ts';
import type { FarmHelp } from '../../src/jobs/copy-runner.ts';
import { createRig } from '../helpers/rig.ts';

const MiB = 1024 * 1024;

/** A farm that helps with nothing, and keeps the copies whose paths contain a word. */
function keeping(word: string): FarmHelp {
  return {
    orderFor: () => null,
    hasOthers: true,
    heldByOthers: () => null,
    note: async () => {},
    failed: () => {},
    loading: () => {},
    spares: (path) => path.includes(word),
  };
}

async function hereAfter(farm: FarmHelp): Promise<string[]> {
  const rig = createRig({ limit: 3.5 * MiB, workers: 'inline', farm });
  for (const name of ['kept-a', 'other-b', 'other-c', 'other-d'])
    await rig.copy(rig.source(`loras/${name}.safetensors`, MiB).path);
  return [...rig.catalog.copies.each({ tier: 'ssd', state: 'ready' })].map(({ path }) => path.replace(/.*\/(.*)\..*/, '$1'));
}

test('a copy that the farm keeps stays while another one can leave', async () => {
  expect(await hereAfter(keeping('kept'))).toEqual(['kept-a', 'other-c', 'other-d']);
});

test('a limit is a limit: where all are kept, they leave in their order', async () => {
  expect(await hereAfter(keeping(''))).toEqual(['other-b', 'other-c', 'other-d']);
});

test('all hosts choose the same one for a content, each as often as its share', () => {
  const hosts = [
    { id: 'a', weight: 1 },
    { id: 'b', weight: 1 },
    { id: 'c', weight: 2 },
    { id: 'none', weight: 0 },
  ];
  const chosen: Record<string, number> = {};
  for (let key = 0; key < 4000; key++) {
    const [first = ''] = rendezvous(String(key), hosts);
    expect(rendezvous(String(key), hosts.toReversed())[0]).toBe(first);
    chosen[first] = (chosen[first] ?? 0) + 1;
  }
  expect(chosen['none']).toBeUndefined();
  expect(chosen['a']).toBeGreaterThan(850);
  expect(chosen['a']).toBeLessThan(1150);
  expect(chosen['c']).toBeGreaterThan(1850);
  expect(chosen['c']).toBeLessThan(2150);
});

test('a host that leaves moves only what it was chosen for', () => {
  const hosts = ['a', 'b', 'c', 'd'].map((id) => ({ id, weight: 1 }));
  for (let key = 0; key < 500; key++) {
    const [first] = rendezvous(String(key), hosts);
    const without = rendezvous(
      String(key),
      hosts.filter(({ id }) => id !== 'd'),
    );
    if (first !== 'd') expect(without[0]).toBe(first);
  }
});
