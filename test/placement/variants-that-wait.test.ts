import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { Variants } from '../../src/placement/variants.ts';
import { heal, injectFault, systemError } from '../helpers/faulty-fs.ts';
import { patience, soon } from '../helpers/patience.ts';
import { createRig } from '../helpers/rig.ts';
import { tinyWan, writeSafetensors } from '../helpers/tiny-model.ts';

vi.mock('node:fs', async (original) => (await import('../helpers/faulty-fs.ts')).faultyFs(await original()));

/** Variants over a real cache whose copies are made on this thread, and one model. */
function arrange() {
  const rig = createRig({ workers: 'inline' });
  const path = join(rig.root, 'diffusion_models/wan.safetensors');
  writeSafetensors(path, tinyWan());
  const fingerprint = () => ({ ...rig.file(path).fingerprint, ctimeNs: String(statSync(path, { bigint: true }).ctimeNs) });
  const stat: typeof rig.sources.stat = async (located) => {
    const state = await rig.sources.stat(located, 'command');
    return state.state === 'present' ? { ...state, fingerprint: fingerprint() } : state;
  };
  const sources = Object.setPrototypeOf({ stat, addOwn: () => {} }, rig.sources);
  const open = () => {
    const variants = new Variants({ ...rig, ...rig.rules, sources, stateDir: rig.dir });
    rig.opened.defer(() => variants[Symbol.dispose]());
    return variants;
  };
  const variants = open();
  const view = async (of = variants) => (await of.list()).variants[0];
  const becomes = async (state: string, of = variants) => {
    await vi.waitFor(async () => expect((await view(of))?.state).toBe(state), { timeout: patience(20_000), interval: 20 });
    return view(of);
  };
  const ask = async () => (await variants.make({ model: path, to: 'fp8' })).path;
  /** As a lookup has it copied, or compared with its copy. */
  const copy = async () => {
    const job = rig.copier.request({
      file: { ...rig.place(path), fingerprint: fingerprint() },
      medium: 'hdd',
      priority: 'warm',
    });
    await job.ended;
    return job;
  };
  return { rig, path, open, variants, view, becomes, ask, copy };
}

const away = 'the NAS does not answer';

test('a variant is made of the copy while the source does not answer', async () => {
  const { rig, becomes, ask, copy } = arrange();
  expect((await copy()).error).toBeNull();
  rig.sources.away = away;
  await ask();
  expect(await becomes('ready')).toMatchObject({ why: null, layers: 12 });
});

test('without a copy, it is refused while the source does not answer, with what to do', async () => {
  const { rig, variants, ask } = arrange();
  rig.sources.away = away;
  await expect(ask()).rejects.toMatchObject({
    code: 'SOURCE_AWAY',
    message: away,
    hint: expect.stringMatching(/when it answers/),
  });
  expect((await variants.list()).variants).toEqual([]);
});

test('one that was ordered waits while the source does not answer, over restarts, and is made when its root is back', async () => {
  const { rig, variants, open, view, becomes, ask } = arrange();
  rig.copier.pause(true);
  await ask();
  rig.sources.away = away;
  const { path } = (await view()) ?? { path: '' };
  variants[Symbol.dispose]();
  const [copy] = rig.copier.jobs();
  rig.copier.cancel(copy?.id ?? 0);
  const next = open();
  await next.begin();
  await vi.waitFor(async () => expect(await view(next)).toMatchObject({ state: 'waiting', why: away, job: null }), soon());
  expect(rig.catalog.variants.order(path)).toBeDefined();
  rig.sources.away = null;
  rig.copier.pause(false);
  next.rootIsBack('/another/root');
  expect((await view(next))?.job).toBeNull();
  next.rootIsBack(rig.root);
  expect(await becomes('ready', next)).toMatchObject({ why: null });
});

test('one that is ordered while the cache disk is away waits for it, and makes no folder below its mount point', async () => {
  const { rig, view, becomes, ask } = arrange();
  const { dir } = rig.tier;
  renameSync(dir, `${dir}.away`);
  mkdirSync(dir);
  await ask();
  await vi.waitFor(async () => expect(await view()).toMatchObject({ state: 'waiting', why: expect.any(String) }), soon());
  expect(readdirSync(dir)).toEqual([]);
  rmdirSync(dir);
  renameSync(`${dir}.away`, dir);
  rig.tier.open();
  expect(await becomes('ready')).toMatchObject({ why: null });
});

test('it waits for a copy that an outage interrupts', async () => {
  const { rig, view, becomes, variants, ask } = arrange();
  rig.copier.pause(true);
  await ask();
  const fault = injectFault('openSync', {
    when: ([path]) => String(path).startsWith(rig.root),
    act: () => {
      throw systemError('EHOSTDOWN');
    },
  });
  rig.sources.away = away;
  rig.copier.pause(false);
  await vi.waitFor(
    async () => expect(await view()).toMatchObject({ state: 'waiting', why: expect.stringContaining('EHOSTDOWN') }),
    {
      timeout: patience(10_000),
    },
  );
  heal(fault);
  rig.sources.away = null;
  variants.rootIsBack(rig.root);
  expect(await becomes('ready')).toMatchObject({ why: null });
});

test('a former one that a program keeps from being replaced stays, no work is done for it, and it is replaced in the end', async () => {
  const { path, view, becomes, ask } = arrange();
  const place = await ask();
  await becomes('ready');
  const former = readFileSync(place);
  writeSafetensors(path, tinyWan({ outliers: true }));
  let temp = '';
  const held = injectFault('renameSync', {
    when: (args) => args[1] === place,
    act: (_, [from]) => {
      if (from !== place) temp = String(from);
      throw systemError('EBUSY');
    },
  });
  await ask();
  await vi.waitFor(
    async () => expect(await view()).toMatchObject({ state: 'waiting', why: expect.stringContaining('EBUSY') }),
    {
      timeout: patience(10_000),
    },
  );
  expect(temp).toBe('');
  expect(readFileSync(place).equals(former)).toBe(true);
  heal(held);
  // By itself, after a pause.
  expect(await becomes('ready')).toMatchObject({ why: null, sourceBytes: statSync(path).size });
  expect(readFileSync(place).equals(former)).toBe(false);
});

test('one that a program opens while the new one is made stays, and nothing is left of the attempt', async () => {
  const { rig, path, view, becomes, ask } = arrange();
  const place = await ask();
  await becomes('ready');
  const former = readFileSync(place);
  writeSafetensors(path, tinyWan({ outliers: true }));
  let temp = '';
  injectFault('renameSync', {
    when: ([from, to]) => to === place && from !== place,
    act: (_, [from]) => {
      temp = String(from);
      throw systemError('EBUSY');
    },
  });
  await ask();
  await vi.waitFor(
    async () => expect(await view()).toMatchObject({ state: 'waiting', why: expect.stringContaining('EBUSY') }),
    {
      timeout: patience(10_000),
    },
  );
  expect(readFileSync(place).equals(former)).toBe(true);
  expect([temp.endsWith('.part'), existsSync(temp)]).toEqual([true, false]);
  expect(rig.catalog.variants.order(place)).toMatchObject({ bytes: 0 });
});

test('it is stale when its model was replaced under its size and time, and not when it was only touched', async () => {
  const { path, variants, view, becomes, ask, copy } = arrange();
  // Of whole seconds, so that it can be put back.
  const putBack = () => utimesSync(path, 1e9, 1e9);
  putBack();
  const place = await ask();
  await becomes('ready');
  putBack();
  expect(await view()).toMatchObject({ state: 'stale' });
  // What the daemon does once it sees that.
  expect((await copy()).error).toBeNull();
  expect(await view()).toMatchObject({ state: 'ready', why: null });
  expect(await ask()).toBe(place);
  expect((await variants.list()).variants).toMatchObject([{ state: 'ready' }]);

  const bytes = readFileSync(path);
  bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  putBack();
  expect(await view()).toMatchObject({ state: 'stale' });
  const before = readFileSync(place);
  await ask();
  await becomes('ready');
  expect(readFileSync(place).equals(before)).toBe(false);
});
