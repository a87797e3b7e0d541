import { describe, expect, test } from 'vitest';
import { type CacheFacts, cacheFindings } from '../../../src/cli/doctor/cache-checks.ts';
import { type ComfyuiFacts, comfyuiFindings } from '../../../src/cli/doctor/comfyui-checks.ts';
import type { RunningComfyui } from '../../../src/cli/doctor/comfyui-server.ts';
import { type DaemonFacts, daemonFindings } from '../../../src/cli/doctor/daemon-checks.ts';
import type { Finding } from '../../../src/cli/doctor/finding.ts';
import { type ShimFacts, shimFindings } from '../../../src/cli/doctor/shim-checks.ts';
import { type SourceFacts, sourceFindings } from '../../../src/cli/doctor/source-checks.ts';
import { stats } from '../samples.ts';

const gib = 1024 ** 3;
const ssd = { smallReadMs: 0.1, bytesPerSecond: 2e9, direct: true };
const disk = { smallReadMs: 9, bytesPerSecond: 150e6, direct: true };

const daemon: DaemonFacts = {
  configProblem: null,
  stats,
  problem: null,
  announced: true,
  listen: null,
  version: stats.version,
};
const noDaemon = { stats: null, problem: 'the daemon is not running', announced: false, listen: null };

const cache: CacheFacts = {
  dir: '/cache',
  medium: { kind: 'ssd', from: 'detected', device: 'nvme0n1', fileSystem: 'ext4', resolved: '/cache' },
  trial: { is: 'done', speeds: ssd, clockSkewMs: 0, caseSensitive: true },
  free: 500 * gib,
  floor: 50 * gib,
  tier: null,
  orphans: [],
};
const trial = { is: 'done' as const, speeds: ssd, clockSkewMs: 0, caseSensitive: true };

const source: SourceFacts = {
  device: 'sda',
  fileSystem: 'ext4',
  kind: 'hdd',
  kindFrom: 'detected',
  roots: ['/mnt/hdd/models'],
  state: { is: 'measured', speeds: disk },
};

const running: RunningComfyui = {
  url: 'http://127.0.0.1:8188/',
  version: '0.38.1',
  argv: ['main.py'],
  ramBytes: 32 * gib,
  customNodes: [],
  shimLoaded: true,
};
const comfyui: ComfyuiFacts = {
  running,
  silentUrl: null,
  dirs: [{ dir: '/comfy', version: '0.38.1' }],
  ramBytes: 32 * gib,
  fast: { cache: true, sources: [false] },
};

const installed = {
  folder: '/comfy/custom_nodes/autocached',
  installed: true,
  version: '0.1.0',
  upToDate: true,
  linked: false,
  stateDir: '/state',
  comfyuiVersion: '0.38.1',
};
const shim: ShimFacts = { shims: [{ dir: '/comfy', status: installed }], running, stateDir: '/state', daemonVersion: '0.1.0' };

const argv = (...flags: string[]) => ({ running: { ...running, argv: ['main.py', ...flags] } });
const of = (facts: Partial<SourceFacts>, side = { device: 'nvme0n1' as string | null, speeds: ssd as typeof ssd | null }) =>
  sourceFindings([{ ...source, ...facts }], side);

/** How each check fails: what it finds then, the worst first. */
const troubles: [string, Finding[], 'warn' | 'fail', RegExp, RegExp][] = [
  ['bad settings', daemonFindings({ ...daemon, configProblem: 'X: no such key' }), 'fail', /no such key/, /autocached config/],
  ['no daemon', daemonFindings({ ...daemon, ...noDaemon }), 'fail', /not running/, /start --detach/],
  [
    'a daemon that hangs',
    daemonFindings({ ...daemon, ...noDaemon, announced: true, problem: 'it does not answer' }),
    'fail',
    /does not answer/,
    /end that process/,
  ],
  [
    'a port that another has',
    daemonFindings({ ...daemon, ...noDaemon, listen: { address: '127.0.0.1:8189', taken: true } }),
    'fail',
    /another program has 127.0.0.1:8189/,
    /AUTOCACHE_LISTEN/,
  ],
  ['a daemon of another version', daemonFindings({ ...daemon, version: '9.9.9' }), 'warn', /9\.9\.9/, /restart/],
  ['an unread file', daemonFindings({ ...daemon, stats: { ...stats, warnings: ['no yaml'] } }), 'warn', /no yaml/, /correct/],
  ['mode off', daemonFindings({ ...daemon, stats: { ...stats, mode: 'off' } }), 'warn', /no copy is used/, /mode read-write/],
  ['mode read-only', daemonFindings({ ...daemon, stats: { ...stats, mode: 'read-only' } }), 'warn', /no new/, /read-write/],

  [
    'a cache on a share',
    cacheFindings({ ...cache, medium: { ...cache.medium, kind: 'nas', fileSystem: 'nfs4' }, trial: { is: 'untouched' } }),
    'fail',
    /on a network/,
    /AUTOCACHE_DIR/,
  ],
  [
    'a cache of another user, whose daemon does not run',
    cacheFindings({ ...cache, tier: null, trial: { is: 'others' } }),
    'fail',
    /belongs to another user/,
    /a directory of your own/,
  ],
  [
    'a cache on FUSE',
    cacheFindings({ ...cache, medium: { ...cache.medium, fileSystem: 'fuse.sshfs' } }),
    'fail',
    /on a network/,
    /AUTOCACHE_DIR/,
  ],
  ['a cache on a hard disk', cacheFindings({ ...cache, medium: { ...cache.medium, kind: 'hdd' } }), 'warn', /hard disk/, /SSD/],
  ['a cache that is not there', cacheFindings({ ...cache, trial: { is: 'absent' } }), 'warn', /not exist/, /start/],
  [
    'a cache that cannot be written',
    cacheFindings({ ...cache, trial: { is: 'failed', why: 'EACCES' } }),
    'fail',
    /EACCES/,
    /writable/,
  ],
  ['a full disk', cacheFindings({ ...cache, free: 10 * gib }), 'fail', /nothing can be copied/, /MIN_FREE/],
  [
    'a limit beyond the disk',
    cacheFindings({
      ...cache,
      free: 60 * gib,
      tier: {
        tier: 'ssd',
        files: 0,
        bytes: 0,
        reserved: 0,
        limit: 200 * gib,
        free: 60 * gib,
        floor: 50 * gib,
        utilisation: 0,
      } as NonNullable<CacheFacts['tier']>,
    }),
    'warn',
    /limit of 200 GiB cannot be reached/,
    /10 GiB fit/,
  ],
  ['a clock that is off', cacheFindings({ ...cache, trial: { ...trial, clockSkewMs: -60_000 } }), 'warn', /by -60 s/, /clocks/],
  ['names without case', cacheFindings({ ...cache, trial: { ...trial, caseSensitive: false } }), 'warn', /tell A\./, /names/],

  ['no models known', sourceFindings([], { device: null, speeds: null }), 'warn', /no folders/, /AUTOCACHE_ROOTS/],
  ['a share that is away', of({ kind: 'nas', state: { is: 'away', why: 'ENOTCONN' } }), 'warn', /ENOTCONN/, /mount it/],
  ['one disk for both', of({ device: 'nvme0n1' }), 'warn', /on the disk of the cache/, /another, faster disk/],
  ['a source as fast as the cache', of({ state: { is: 'measured', speeds: ssd } }), 'warn', /as fast as/, /models=ssd/],

  ['no ComfyUI', comfyuiFindings({ ...comfyui, running: null, dirs: [] }), 'warn', /no ComfyUI/, /doctor DIR/],
  [
    'a ComfyUI that does not answer',
    comfyuiFindings({ ...comfyui, running: null, silentUrl: 'http://x/' }),
    'warn',
    /none answers at http:\/\/x/,
    /start it/,
  ],
  [
    'an old ComfyUI',
    comfyuiFindings({ ...comfyui, running: { ...running, version: '0.3.9' } }),
    'warn',
    /0\.3\.9 does not tell/,
    /update/,
  ],
  [
    'custom nodes switched off',
    comfyuiFindings({ ...comfyui, ...argv('--disable-all-custom-nodes') }),
    'fail',
    /not loaded/,
    /whitelist/,
  ],
  [
    'the fast-disk policy with much memory',
    comfyuiFindings({ ...comfyui, running: { ...running, ramBytes: 192 * gib } }),
    'warn',
    /switches on .* slower with 192 GiB/,
    /--disable-fast-disk/,
  ],
  [
    'its flag with much memory',
    comfyuiFindings({ ...comfyui, running: { ...running, ramBytes: 192 * gib, argv: ['main.py', '--fast-disk'] } }),
    'warn',
    /on by --fast-disk/,
    /drop that flag/,
  ],

  [
    'no shim',
    shimFindings({ ...shim, shims: [{ dir: '/comfy', status: { ...installed, installed: false } }] }),
    'fail',
    /not installed/,
    /install \/comfy/,
  ],
  [
    'something else in its place',
    shimFindings({ ...shim, shims: [{ dir: '/comfy', status: 'not ours' }] }),
    'fail',
    /not ours/,
    /install/,
  ],
  [
    'a shim of another version',
    shimFindings({ ...shim, daemonVersion: '0.2.0' }),
    'warn',
    /version 0\.1\.0, the daemon of 0\.2\.0/,
    /install/,
  ],
  [
    'a shim that was changed',
    shimFindings({ ...shim, shims: [{ dir: '/comfy', status: { ...installed, upToDate: false } }] }),
    'warn',
    /not those/,
    /install/,
  ],
  [
    'a shim that looks elsewhere',
    shimFindings({ ...shim, stateDir: '/other' }),
    'fail',
    /in \/state, not in \/other/,
    /install/,
  ],
  [
    'a shim that is not loaded',
    shimFindings({ ...shim, running: { ...running, shimLoaded: false } }),
    'fail',
    /has not loaded it/,
    /start ComfyUI again/,
  ],
];

describe('the doctor finds', () => {
  test.each(troubles)('%s', (_, findings, verdict, says, todo) => {
    const bad = findings.filter((finding) => finding.verdict !== 'ok');
    expect(bad).toEqual([
      { check: expect.any(String), verdict, says: expect.stringMatching(says), todo: expect.stringMatching(todo) },
    ]);
  });

  test('nothing on a machine that is in order', () => {
    const all = [
      ...daemonFindings(daemon),
      ...cacheFindings(cache),
      ...of({}),
      ...comfyuiFindings(comfyui),
      ...shimFindings(shim),
    ];
    expect(all.filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
    expect(all.map(({ check }) => check)).toEqual(
      expect.arrayContaining(['daemon', 'cache', 'source', 'comfyui', 'fast-disk', 'shim']),
    );
  });
});

describe('what ComfyUI does with fast disks', () => {
  const says = (facts: Partial<ComfyuiFacts>) =>
    comfyuiFindings({ ...comfyui, ...facts }).find(({ check }) => check === 'fast-disk')?.says;

  test.each([
    [{}, /switches on for models that load from the cache/],
    [{ fast: { cache: false, sources: [false] } }, /will not switch/],
    [{ fast: { cache: true, sources: [true, true] } }, /on already/],
    [argv('--disable-fast-disk'), /off by/],
    [{ running: { ...running, version: '0.33.0' } }, /keeps weights in memory/],
    [argv('--disable-all-custom-nodes', '--whitelist-custom-nodes', 'autocached'), /switches on/],
  ] as [Partial<ComfyuiFacts>, RegExp][])('%j', (facts, words) => {
    expect(says(facts)).toMatch(words);
  });

  test('a whitelisted resolver is loaded', () => {
    const findings = comfyuiFindings({
      ...comfyui,
      ...argv('--disable-all-custom-nodes', '--whitelist-custom-nodes', 'autocached'),
    });
    expect(findings.filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
  });
});

describe('a source', () => {
  test('on an SSD is left alone, whatever disk the cache has', () => {
    expect(of({ kind: 'ssd', device: 'nvme0n1' })).toMatchObject([
      { verdict: 'ok', says: expect.stringContaining('not cached') },
    ]);
  });

  test('that may have been read from memory is not called fast', () => {
    expect(of({ state: { is: 'measured', speeds: { ...ssd, direct: false } } })).toMatchObject([
      { verdict: 'ok', says: expect.stringContaining('perhaps partly from memory') },
    ]);
  });
});
