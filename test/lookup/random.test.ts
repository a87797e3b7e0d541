import { existsSync, lstatSync, readdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { matcher } from '../../src/core/file-globs.ts';
import { modes } from '../../src/core/types.ts';
import { chooseCopies, removeCopies } from '../../src/space/purge.ts';
import { reconcile } from '../../src/upkeep/reconcile.ts';
import { createLookupRig, type LookupRig, nextTurn } from '../helpers/lookup-rig.ts';
import { soon } from '../helpers/patience.ts';
import { slowTests } from '../helpers/slow.ts';

const KiB = 1024;
const limit = 300 * KiB;
const names = ['a', 'b', 'c', 'd'].map((name) => join('loras', `${name}.safetensors`));

const file = fc.nat(names.length - 1);
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('ask'), file, waitMs: fc.constantFrom(0, 0, 30_000) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('replace'), file, size: fc.integer({ min: 1, max: 120 * KiB }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('damage'), file }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('evict'), file }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pin'), file }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('mode'), mode: fc.constantFrom(...modes) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('away'), away: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('endLeases') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('turn') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settle') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart') }) },
);
type Step = Partial<Record<'size' | 'waitMs', number>> & {
  do: string;
  file?: number;
  mode?: (typeof modes)[number];
  away?: boolean;
};

/** A library, what was ever in it, and a daemon over it. */
class World {
  rig: LookupRig;
  /** Every version of every file, the present one last. */
  readonly versions = new Map<string, Buffer[]>();
  #asked: Promise<unknown>[] = [];
  #mtime = 1_700_000_000;

  constructor() {
    this.rig = createLookupRig({ limit });
    for (const [index] of names.entries()) this.replace(index, 60 * KiB);
  }

  path(index: number): string {
    return join(this.rig.root, names[index] ?? '');
  }

  replace(index: number, size: number): void {
    const path = this.path(index);
    const bytes = this.rig.source('new', size).bytes;
    this.#mtime += 1;
    utimesSync(join(this.rig.root, 'new'), this.#mtime, this.#mtime);
    if (!existsSync(join(path, '..'))) this.rig.source(names[index] ?? '', 1);
    renameSync(join(this.rig.root, 'new'), path);
    this.versions.set(path, [...(this.versions.get(path) ?? []), bytes]);
  }

  ask(index: number, waitMs: number): Promise<void> {
    const path = this.path(index);
    const { rig } = this;
    const answering = rig.ask(path, { waitMs }).then((answer) => {
      expect(answer.reason).not.toBe('ERROR');
      if (answer.path === path) return;
      // Read as the program would, at once.
      const bytes = readFileSync(answer.path);
      const versions = this.versions.get(path) ?? [];
      const allowed = answer.reason === 'HIT_OFFLINE' ? versions : versions.slice(-1);
      expect(
        allowed.some((version) => version.equals(bytes)),
        `${answer.reason} of ${path}`,
      ).toBe(true);
      expect(answer.path.endsWith(names[index] ?? '')).toBe(true);
      expect(rig.sources.mode).not.toBe('off');
    });
    this.#asked.push(answering);
    return waitMs > 0 ? Promise.resolve() : answering;
  }

  async settle(): Promise<void> {
    await Promise.all(this.#asked);
    this.#asked = [];
    while (this.rig.copier.counts().running + this.rig.copier.counts().queued > 0) {
      await Promise.all(names.map((_, index) => this.rig.copier.activeJob(this.path(index))?.ended));
      await nextTurn();
    }
    await nextTurn();
  }

  async restart(): Promise<void> {
    await this.settle();
    const { dir, sources } = this.rig;
    await this.rig.close();
    this.rig = createLookupRig({ dir, limit });
    Object.assign(this.rig.sources, sources);
    await reconcile(this.rig);
  }

  async take(given: Step): Promise<void> {
    const { rig } = this;
    const index = given.file ?? 0;
    const copy = rig.placeOf(this.path(index));
    if (given.do === 'ask') await this.ask(index, given.waitMs ?? 0);
    else if (given.do === 'replace') {
      // What changes between an answer and its reading is not the answer's fault.
      await this.settle();
      this.replace(index, given.size ?? 1);
    } else if (given.do === 'damage') {
      await this.settle();
      // A link that was left for a program is no copy.
      if (lstatSync(copy, { throwIfNoEntry: false })?.isFile()) {
        writeFileSync(`${copy}.x`, 'damaged');
        renameSync(`${copy}.x`, copy);
      }
    } else if (given.do === 'evict') {
      const deps = { ...rig, matcher };
      const chosen = (await chooseCopies(deps, { all: true })).filter(({ entry }) => entry.path === this.path(index));
      await removeCopies(deps, chosen, { dryRun: false, why: 'evict' });
    } else if (given.do === 'pin') {
      const entry = rig.catalog.entries.byPath(this.path(index));
      if (entry) rig.catalog.entries.setPinned(entry.id, !entry.pinned);
    } else if (given.do === 'mode') {
      await this.settle();
      rig.sources.mode = given.mode ?? 'read-write';
    } else if (given.do === 'away') rig.sources.away = given.away ? 'unplugged' : null;
    else if (given.do === 'endLeases') rig.leases.end({ app: 'comfyui', pid: 1 }, true);
    else if (given.do === 'turn') await nextTurn();
    else if (given.do === 'settle') await this.settle();
    else await this.restart();
    expect(this.rig.catalog.placements.usedBytes('ssd')).toBeLessThanOrEqual(limit);
  }

  /** Files and rows agree, sources are what the user put there, and a restart finds nothing to mend. */
  async expectOrder(): Promise<void> {
    await this.settle();
    for (const [path, versions] of this.versions)
      expect(readFileSync(path).equals(versions.at(-1) ?? Buffer.alloc(0))).toBe(true);
    const { rig } = this;
    const rows = rig.catalog.copies.inState('copying', 'ready', 'stale', 'evicting');
    const files = readdirSync(rig.tier.dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => path.startsWith(join(rig.tier.dir, 'files')));
    // What a program wrote in the place of a copy that it was given is its own, and listed.
    const written = rig.catalog.written.paths().filter((path) => files.includes(path));
    expect(files.sort()).toEqual([...rows.map(({ path }) => path), ...written].sort());
    expect(rows.every(({ state }) => state === 'ready' || state === 'stale')).toBe(true);
    // The space of what has just been taken out is freed behind everybody's back.
    await vi.waitFor(() => expect(readdirSync(rig.tier.partialDir)).toEqual([]), soon());
  }
}

test('whatever comes in whatever order: no wrong byte, no harmed source, no limit passed, nothing left over', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
      const world = new World();
      for (const given of steps) await world.take(given);
      await world.expectOrder();
      await world.rig.close();
    }),
    { numRuns: slowTests ? 60 : 20 },
  );
});
