import { existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { parseSharedStore } from '../../src/config/shared-store.ts';
import { CatalogLedger } from '../../src/shared/catalog-ledger.ts';
import { SharedTier } from '../../src/shared/shared-tier.ts';
import { contentKey } from '../../src/shared/store-names.ts';
import { partialPath } from '../../src/tiers/partial.ts';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import { runCopyJob } from '../../src/transfer/run-copy-job.ts';
import { quiet } from '../helpers/hooks.ts';
import { copyOrder } from '../helpers/orders.ts';
import { createRig, type Rig } from '../helpers/rig.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { begunIn, eventually, newStore, sha256Of } from '../shared/hosts.ts';
import type { LevelInUse } from './level.contract.ts';

/** Seconds; each model that is put is a newer one. */
let time = 1_700_000_000;

/** Puts a model where the user keeps it. @returns its path */
function put({ root }: Rig, rel: string, bytes: Buffer): string {
  const path = join(root, rel);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  utimesSync(path, ++time, time);
  return path;
}

/** A tier of a daemon. */
export async function inTier(name: 'ssd' | 'ram', limit: number): Promise<LevelInUse> {
  const dir = tempDir();
  const open = () => createRig({ dir, limit, extra: name === 'ram' ? ['ram'] : [], workers: 'inline' });
  let rig = open();
  const placeOf = (rel: string) => rig.tiers.require(name).placeOf(rig.root, rel).path;
  const foreign = () => join(dirname(placeOf(join('loras', 'a'))), 'readme.txt');
  return {
    async write(rel, bytes) {
      const path = put(rig, rel, bytes);
      await rig.copy(path);
      if (name === 'ram') await rig.copy(path, 'ram');
    },
    async read(rel) {
      const { path, fingerprint } = rig.file(join(rig.root, rel));
      const entry = rig.catalog.entries.byPath(path);
      const ready = entry ? rig.catalog.copies.readyOf(entry.id).filter(({ tier }) => tier === name) : [];
      const copy = rig.tiers.soundCopy(ready, fingerprint);
      return copy && readFileSync(copy.path);
    },
    async breakOff(rel, bytes) {
      const path = put(rig, rel, bytes);
      if (name === 'ram') await rig.copy(path);
      const begun = Promise.withResolvers<void>();
      rig.events.subscribe((event) => event === 'job-started' && begun.resolve());
      rig.request(path, 'background', 'hdd', name);
      await begun.promise;
      await rig.close();
      expect(existsSync(placeOf(rel))).toBe(false);
    },
    async reopen() {
      await rig.close();
      rig = open();
    },
    damage: async (rel) => writeFileSync(placeOf(rel), 'other'),
    remove: async (rel) => rmSync(placeOf(rel)),
    putForeign: async () => writeFileSync(foreign(), 'mine'),
    hasForeign: async () => existsSync(foreign()),
    taken: async () => rig.catalog.placements.usedUnderLimit(name),
  };
}

/** The store that hosts share, over a real S3 server, with a host that copies to its SSD first. */
export async function inSharedStore(limit: number): Promise<LevelInUse> {
  const { server, writer, address } = await newStore();
  const store = parseSharedStore(address(String(limit)));
  if (!store) throw new Error('no store');
  const dir = tempDir();
  const open = () => {
    const rig = createRig({ dir, workers: 'inline' });
    const now = () => Date.now();
    const ledger = new CatalogLedger(rig.catalog, now);
    const tier = new SharedTier({
      ...{ ...rig, ...rig.rules, store, ledger, now, environment: process.env },
      speedOf: () => 1,
    });
    tier.begin();
    // Before the catalog that it writes to.
    rig.opened.defer(() => tier[Symbol.asyncDispose]());
    return { rig, tier, ledger };
  };
  let host = open();
  const keyOf = (rel: string) => contentKey(sha256Of(readFileSync(join(host.rig.root, rel))));
  const foreign = 'sha256/readme.txt';
  return {
    async write(rel, bytes) {
      await host.rig.copy(put(host.rig, rel, bytes));
      // What is to be written is noted by now.
      await host.rig.catalog.write(() => {});
      await expect.poll(() => host.rig.catalog.settings.get('shared-unwritten', ''), eventually).toBe('[]');
    },
    async read(rel) {
      const source = host.rig.file(join(host.rig.root, rel));
      const from = await host.tier.sourceOf(source, 'hdd', true);
      if (!from) return null;
      const ssd = openPosixTier('ssd', join(tempDir(), 'cache'));
      const temp = partialPath(ssd.partialDir, source.path);
      const order = copyOrder({ id: 1, source, temp, ...ssd.placeOf(source.root, rel), network: true, store: from });
      try {
        await runCopyJob(order, quiet());
        return readFileSync(order.path);
      } catch (error) {
        host.tier.gaveNothing(from, error);
        return null;
      }
    },
    async breakOff(rel, bytes) {
      const begun = Promise.withResolvers<void>();
      // Called as parts of it have been written.
      host.ledger.renew = async () => begun.resolve();
      await host.rig.copy(put(host.rig, rel, bytes));
      await begun.promise;
      await host.rig.close();
      expect(await begunIn(server)).toBe(1);
      expect(await writer.sizeOf(keyOf(rel))).toBeNull();
      // Ten minutes later: what it has said of its write counts no more.
      for (const { key } of await writer.list('reserved/')) server.place(`farm/${key}`, Buffer.alloc(0));
    },
    async reopen() {
      await host.rig.close();
      host = open();
    },
    damage: (rel) => server.put(`farm/${keyOf(rel)}`, Buffer.alloc(readFileSync(join(host.rig.root, rel)).length)),
    remove: (rel) => server.remove(`farm/${keyOf(rel)}`),
    putForeign: () => writer.putText(foreign, 'mine'),
    hasForeign: async () => (await writer.text(foreign)) === 'mine',
    async taken() {
      const { bytes, reserved } = await host.ledger.totals();
      return bytes + reserved;
    },
  };
}
