import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig, parseChange } from '../../src/config/config.ts';
import { liveFields, shortName } from '../../src/config/keys.ts';
import type { Config } from '../../src/config/types.ts';
import { CacheError } from '../../src/core/errors.ts';
import { directory, load, problems } from './load.ts';

const [MiB, GiB] = [2 ** 20, 2 ** 30];
const remote = { remotes: [], remoteListMs: 900_000, remoteMonthly: null };

const defaults: Config = {
  dir: '/home/ada/.cache/autocached',
  limit: { kind: 'auto' },
  minFree: { kind: 'share', share: 0.05 },
  roots: [],
  comfyui: [],
  comfyuiUrl: null,
  comfyuiFree: 'off',
  comfyuiOwnPath: [],
  ...remote,
  mode: 'read-write',
  onMiss: 'auto',
  waitMaxMs: 600_000,
  minSize: { overall: 16 * MiB, by: {} },
  maxSize: { overall: null, by: {} },
  include: [],
  exclude: [],
  categories: [],
  policy: 'heat',
  quotas: {},
  maxAgeMs: null,
  highWater: 1,
  lowWater: 0.9,
  variantsLimit: { kind: 'auto' },
  predict: 'learn',
  jobs: 2,
  jobsPerSource: { hdd: 1 },
  rate: { overall: null, by: {} },
  polite: true,
  dailyWrites: null,
  compress: 'off',
  ramDir: null,
  ramLimit: null,
  ramSoft: 0.85,
  verify: 'stream',
  scrubMs: 30 * 24 * 3600 * 1000,
  memo: 'on',
  memoLimit: { kind: 'auto' },
  memoRam: 256 * MiB,
  memoItems: 10_000,
  memoMaxValue: GiB,
  memoTtlMs: 7 * 24 * 3600 * 1000,
  memoStaleMs: 0,
  memoComfyui: 'text',
  memoCode: 'strict',
  memoAudit: 200,
  memoRedis: null,
  presetGraphs: 32,
  llmUrl: null,
  llmTimeoutMs: 600_000,
  embeddingsUrl: null,
  embeddingsModel: 'all-minilm',
  farm: null,
  farmName: 'default',
  farmListen: { host: '0.0.0.0', port: 8390 },
  farmUrl: null,
  farmKey: null,
  farmOriginReads: { hdd: 2, nas: 4, s3: 16, ssd: 16 },
  farmUpload: null,
  farmKeep: 1,
  farmTrust: 'members',
  farmSmall: null,
  shared: null,
  hosts: [],
  embeddingsKeyFile: null,
  listen: { host: '127.0.0.1', port: 8389 },
  group: null,
  stateDir: '/home/ada/.local/state/autocached',
  log: { level: 'info', form: 'pretty' },
};

test('nothing needs to be configured', () => {
  const { config, settings, notices } = load();
  expect(config).toEqual(defaults);
  expect(notices).toEqual([]);
  expect(settings).toHaveLength(Object.keys(defaults).length);
  expect(settings.every(({ from }) => from === 'default')).toBe(true);
});

test('the defaults of this machine are accepted too', () => {
  expect(loadConfig({ env: {}, cwd: directory(), home: directory() }).config.jobs).toBe(2);
});

test('every key does what it says', () => {
  const { config, notices } = load({
    AUTOCACHE_DIR: '/mnt/nvme/cache',
    AUTOCACHE_LIMIT: '80%',
    AUTOCACHE_MIN_FREE: '50GiB',
    AUTOCACHE_ROOTS: '/mnt/nas=nas:/mnt/hdd',
    AUTOCACHE_COMFYUI: '~/ComfyUI;/opt/comfy',
    AUTOCACHE_MODE: 'READ-ONLY',
    AUTOCACHE_ON_MISS: 'background',
    AUTOCACHE_WAIT_MAX: '90s',
    AUTOCACHE_MIN_SIZE: '16MiB,loras=1MiB',
    AUTOCACHE_MAX_SIZE: '40GiB;loras=none',
    AUTOCACHE_INCLUDE: '**/*.{safetensors,gguf}',
    AUTOCACHE_EXCLUDE: '**/old/**,**/test/**',
    AUTOCACHE_CATEGORIES: 'checkpoints;loras',
    AUTOCACHE_POLICY: 'lfu',
    AUTOCACHE_JOBS: '4',
    AUTOCACHE_JOBS_PER_SOURCE: 'hdd=2,nas=3',
    AUTOCACHE_RATE: '1GiB/s,nas=200MiB',
    AUTOCACHE_POLITE: 'off',
    AUTOCACHE_RAM_LIMIT: '16GiB',
    AUTOCACHE_LISTEN: '[::1]:9000',
    AUTOCACHE_STATE: '/var/lib/autocached',
    AUTOCACHE_LOG: 'debug,json',
  });
  expect(config).toEqual({
    ...defaults,
    dir: '/mnt/nvme/cache',
    limit: { kind: 'share', share: 0.8 },
    minFree: { kind: 'bytes', bytes: 50 * GiB },
    roots: [
      { path: '/mnt/nas', kind: 'nas' },
      { path: '/mnt/hdd', kind: null },
    ],
    comfyui: ['/home/ada/ComfyUI', '/opt/comfy'],
    mode: 'read-only',
    onMiss: 'background',
    waitMaxMs: 90_000,
    minSize: { overall: 16 * MiB, by: { loras: MiB } },
    maxSize: { overall: 40 * GiB, by: { loras: null } },
    include: ['**/*.{safetensors,gguf}'],
    exclude: ['**/old/**', '**/test/**'],
    categories: ['checkpoints', 'loras'],
    policy: 'lfu',
    jobs: 4,
    jobsPerSource: { hdd: 2, nas: 3 },
    rate: { overall: GiB, by: { nas: 200 * MiB } },
    polite: false,
    ramLimit: { kind: 'bytes', bytes: 16 * GiB },
    listen: { host: '::1', port: 9000 },
    stateDir: '/var/lib/autocached',
    log: { level: 'debug', form: 'json' },
  });
  expect(notices).toEqual([]);
});

describe('what is wrong is said at once', () => {
  test('three slips in three places cost one start, not three', () => {
    const cwd = directory({ '.env': 'AUTOCACHE_LIMT=200GiB\nAUTOCACHE_MODE=readonly\n' });
    expect(problems({ AUTOCACHE_JOBS: 'many', ARENA_CACHE_MAX_GB: 'x' }, { cwd, flags: { AUTOCACHE_SIZE: '1' } })).toEqual([
      `${join(cwd, '.env')}: AUTOCACHE_LIMT: not a known key; the nearest one is AUTOCACHE_LIMIT`,
      'flag: AUTOCACHE_SIZE: not a known key; the nearest one is AUTOCACHE_MIN_SIZE',
      'environment: ARENA_CACHE_MAX_GB: expected a number from 0, got "x"',
      `${join(cwd, '.env')}: AUTOCACHE_MODE: expected one of off, read-only, read-write, got "readonly"`,
      'environment: AUTOCACHE_JOBS: expected a whole number from 1 to 64, got "many"',
    ]);
  });

  test('the message is one, with a hint at where all keys are', () => {
    try {
      load({ AUTOCACHE_JOBS: '0' });
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(CacheError);
      expect(error).toMatchObject({
        code: 'BAD_CONFIG',
        message:
          'the configuration cannot be used:\n  environment: AUTOCACHE_JOBS: expected a whole number from 1 to 64, got "0"',
        hint: '.env.example holds every key with its default',
      });
    }
  });

  test.each([
    ['AUTOCACHE_COMFYUIS', 'AUTOCACHE_COMFYUI'],
    ['AUTOCACHE_MAXSIZE', 'AUTOCACHE_MAX_SIZE'],
    ['AUTOCACHE_DIRS', 'AUTOCACHE_DIR'],
    ['AUTOCACHE_ROOT', 'AUTOCACHE_ROOTS'],
    ['autocache_limit', 'AUTOCACHE_LIMIT'],
    ['AUTOCACHE_', 'AUTOCACHE_DIR'],
  ])('%s is led to %s', (key, nearest) => {
    expect(problems({ [key]: 'secret-value' })).toEqual([
      `environment: ${key}: not a known key; the nearest one is ${nearest}`,
    ]);
  });

  test.each(['AUTOCACHE_VARIANTS', 'AUTOCACHE_USE_VARIANTS', 'AUTOCACHE_VARIANTS_AUTO', 'AUTOCACHE_SUBSTITUTE'])(
    '%s, which would put another model in the place of the one that a workflow names, is refused with that sentence',
    (key) => {
      expect(problems({ [key]: 'auto8' })).toEqual([
        expect.stringContaining('never puts a variant in the place of the model that a workflow names'),
      ]);
    },
  );

  test('no secret is printed: not the value of an unknown key, not a password in an address', () => {
    const env = { AUTOCACHE_TOKEN: 'hush', AUTOCACHE_ROOTS: 's3://ada:hush@bucket=nas', ARENA_NAS_ROOT: 'smb://ada:hush@nas' };
    expect(problems(env).join('\n')).not.toContain('hush');
    const { settings, notices } = load({ AUTOCACHE_ROOTS: 's3://ada:hush@bucket', ARENA_NAS_ROOT: '/x' });
    expect(JSON.stringify({ settings, notices })).not.toContain('hush');
    expect(JSON.stringify(settings)).toContain('s3://***@bucket');
  });
});

describe('contradictions are refused', () => {
  test('no file is both large and small enough', () => {
    expect(problems({ AUTOCACHE_MIN_SIZE: '2GiB', AUTOCACHE_MAX_SIZE: '1GiB' })).toEqual([
      'AUTOCACHE_MIN_SIZE (environment) and AUTOCACHE_MAX_SIZE (environment): no file has a size from 2 GiB to 1 GiB',
    ]);
    expect(problems({ AUTOCACHE_MAX_SIZE: '10MiB' })).toEqual([
      'AUTOCACHE_MIN_SIZE (default) and AUTOCACHE_MAX_SIZE (environment): no file has a size from 16 MiB to 10 MiB',
    ]);
  });

  test('nor in one category', () => {
    expect(problems({ AUTOCACHE_MIN_SIZE: 'vae=2GiB', AUTOCACHE_MAX_SIZE: '1GiB,loras=1MiB' })).toEqual([
      'AUTOCACHE_MIN_SIZE (environment) and AUTOCACHE_MAX_SIZE (environment): no file has a size from 2 GiB to 1 GiB for vae',
      'AUTOCACHE_MIN_SIZE (environment) and AUTOCACHE_MAX_SIZE (environment): no file has a size from 16 MiB to 1 MiB for loras',
    ]);
    expect(load({ AUTOCACHE_MIN_SIZE: 'vae=2GiB', AUTOCACHE_MAX_SIZE: '1GiB,vae=none' }).config.maxSize.by).toEqual({
      vae: null,
    });
  });

  test('a purge of the cache directory could not spare a catalog inside it', () => {
    expect(problems({ AUTOCACHE_DIR: '/x', AUTOCACHE_STATE: '/x/' })).toEqual([
      'AUTOCACHE_DIR (environment) and AUTOCACHE_STATE (environment): the cache and the state need a directory each, not both /x',
    ]);
  });

  test('a limit for a RAM tier that is off is fine', () => {
    expect(load({ AUTOCACHE_RAM_DIR: 'off', AUTOCACHE_RAM_LIMIT: '50%' }).config).toMatchObject({ ramDir: 'off' });
  });
});

test('a bucket among the folders has no effect, and is told how it is named; a folder that is one is a root', () => {
  const { config, notices } = load({ AUTOCACHE_ROOTS: '/mnt/hdd=hdd:/mnt/bucket=s3:s3://bucket/models' });
  const roots = [
    { path: '/mnt/hdd', kind: 'hdd' },
    { path: '/mnt/bucket', kind: 's3' },
  ];
  expect(config).toEqual({ ...defaults, roots });
  const line =
    'AUTOCACHE_ROOTS: s3://bucket/models is no folder and has no effect here; write AUTOCACHE_REMOTES=main=s3://bucket/models';
  expect(notices).toEqual([line]);
  expect(() => parseChange({ roots: 's3://bucket/models' })).toThrow(line);
});

test('what happens anyway is not announced', () => {
  const env = { AUTOCACHE_COMPRESS: 'off', AUTOCACHE_RAM_DIR: 'OFF', AUTOCACHE_SCRUB: 'off', AUTOCACHE_VERIFY: 'reread' };
  expect(load(env).notices).toEqual([]);
});

describe('a change while the daemon runs', () => {
  test('sets what it names and nothing else', () => {
    expect(parseChange({ mode: 'off', limit: ' 80% ', policy: 'lfu', rate: 'nas=1MiB' })).toEqual({
      mode: 'off',
      limit: { kind: 'share', share: 0.8 },
      policy: 'lfu',
      rate: { overall: null, by: { nas: MiB } },
    });
    expect(parseChange({})).toEqual({});
  });

  test('is refused with everything that is wrong with it, and changes nothing', () => {
    const change = { mode: '', limit: '0', policy: 7, rate: ' ', dir: '/x', constructor: 'x' } as unknown as Parameters<
      typeof parseChange
    >[0];
    const live = liveFields.map(shortName).join(', ');
    expect(live).toMatch(/^limit, roots, comfyui, .*\bmode\b.*\bpolicy\b.*\brate\b/);
    expect(() => parseChange(change)).toThrow(
      [
        'the configuration cannot be used:',
        'mode: expected a text that is not empty',
        'limit: expected more than 0, or "auto" (AUTOCACHE_MODE=off stops caching), got "0"',
        'policy: expected a text that is not empty',
        'rate: expected a text that is not empty',
        `dir: cannot change while the daemon runs; ${live} can`,
        `constructor: cannot change while the daemon runs; ${live} can`,
      ].join('\n  '),
    );
  });
});

test('a limit without its unit is said to be bytes, with what may be meant', () => {
  expect(load({ AUTOCACHE_LIMIT: '200' }).notices).toEqual([
    'AUTOCACHE_LIMIT: 200 means 200 bytes, which no model fits under; 200GiB may be meant',
  ]);
  for (const limit of ['auto', '200GiB', '1MiB', '80%']) expect(load({ AUTOCACHE_LIMIT: limit }).notices).toEqual([]);
});
