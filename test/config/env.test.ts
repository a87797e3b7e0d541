import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { defaultDirectories, userConfigFile } from '../../src/config/directories.ts';
import { readEnv } from '../../src/config/env.ts';
import { directory, load, problems } from './load.ts';

test('the later place wins, key by key, and each value remembers its own', () => {
  const root = directory({
    'state/.env': 'AUTOCACHE_JOBS=3\nAUTOCACHE_LIMIT=1GiB\nAUTOCACHE_MIN_FREE=1%\nAUTOCACHE_ON_MISS=wait\n',
    'work/.env': 'AUTOCACHE_JOBS=4\nAUTOCACHE_LIMIT=2GiB\nAUTOCACHE_MIN_FREE=2%\n',
  });
  const { config, settings } = load(
    { AUTOCACHE_STATE: join(root, 'state'), AUTOCACHE_JOBS: '5', AUTOCACHE_LIMIT: '3GiB' },
    { cwd: join(root, 'work'), flags: { AUTOCACHE_JOBS: '6' } },
  );
  expect(config).toMatchObject({
    jobs: 6,
    limit: { bytes: 3 * 2 ** 30 },
    minFree: { share: 0.02 },
    onMiss: 'wait',
    policy: 'heat',
  });
  const from = Object.fromEntries(settings.map((setting) => [setting.key, setting.from]));
  expect(from).toMatchObject({
    AUTOCACHE_JOBS: 'flag',
    AUTOCACHE_LIMIT: 'environment',
    AUTOCACHE_MIN_FREE: join(root, 'work', '.env'),
    AUTOCACHE_ON_MISS: join(root, 'state', '.env'),
    AUTOCACHE_POLICY: 'default',
  });
});

test('the state directory, and so its .env, is found by the .env of the working directory, the environment or a flag', () => {
  const root = directory({ 'a/.env': 'AUTOCACHE_JOBS=3', 'b/.env': 'AUTOCACHE_JOBS=4', 'work/.env': 'AUTOCACHE_STATE=../a' });
  const cwd = join(root, 'work');
  expect(load({}, { cwd }).config).toMatchObject({ stateDir: join(root, 'a'), jobs: 3 });
  expect(load({ AUTOCACHE_STATE: '../b' }, { cwd }).config).toMatchObject({ stateDir: join(root, 'b'), jobs: 4 });
  const flags = { AUTOCACHE_STATE: join(root, 'a') };
  expect(load({ AUTOCACHE_STATE: '../b' }, { cwd, flags }).config).toMatchObject({ stateDir: join(root, 'a'), jobs: 3 });
});

test('without any of them the .env of the default state directory is read', () => {
  const home = directory();
  const { state } = defaultDirectories(process.platform, {}, home);
  mkdirSync(state, { recursive: true });
  writeFileSync(join(state, '.env'), 'AUTOCACHE_JOBS=7');
  expect(load({}, { home }).config.jobs).toBe(7);
});

test("the user's config.env counts least, and may name the state directory", () => {
  const root = directory({ 'state/.env': 'AUTOCACHE_LIMIT=2GiB' });
  const user = userConfigFile(process.platform, {}, root);
  mkdirSync(dirname(user), { recursive: true });
  writeFileSync(user, `AUTOCACHE_STATE=${join(root, 'state')}\nAUTOCACHE_LIMIT=1GiB\nAUTOCACHE_JOBS=3\n`);
  const { config, settings } = load({}, { cwd: root, home: root });
  expect(config).toMatchObject({ jobs: 3, limit: { bytes: 2 * 2 ** 30 }, stateDir: join(root, 'state') });
  expect(settings.find(({ key }) => key === 'AUTOCACHE_JOBS')?.from).toBe(user);
});

describe.runIf(process.platform !== 'win32')('settings that somebody else could have written', () => {
  const files = (root: string) => ({
    'config.env': userConfigFile(process.platform, {}, root),
    'state/.env': join(root, 'state/.env'),
    '.env': join(root, '.env'),
  });
  const arrange = (
    name: keyof ReturnType<typeof files>,
    mode: number,
    uid = process.getuid?.() ?? 0,
    gid = process.getgid?.() ?? 0,
  ) => {
    const root = directory();
    const file = files(root)[name];
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, 'AUTOCACHE_JOBS=3');
    chmodSync(file, mode);
    chownSync(file, uid, gid);
    return { file, settings: [{ AUTOCACHE_STATE: join(root, 'state') }, { cwd: root, home: root }] as const };
  };
  const names = ['config.env', 'state/.env', '.env'] as const;

  test.each(names)('are refused, and the file is named: %s that all can write to', (name) => {
    const { file, settings } = arrange(name, 0o666);
    expect(problems(...settings)).toEqual([
      `${file}: is not taken: it can be written by other users; make it a file of yours that nobody else can write to`,
    ]);
    expect(readEnv({ env: settings[0], ...settings[1] }).layers.find(({ from }) => from === file)?.values).toEqual({});
  });

  test.runIf(process.getuid?.() === 0).each(names)(
    'are refused: %s of another user, or of another group that can write to it',
    (name) => {
      expect(problems(...arrange(name, 0o644, 54_321).settings)).toEqual([expect.stringContaining('belongs to another user')]);
      expect(problems(...arrange(name, 0o664, 0, 54_321).settings)).toEqual([
        expect.stringContaining('written by other users'),
      ]);
    },
  );

  test.each(names)('are not those of the own group, in which many systems have one user: %s', (name) => {
    expect(load(...arrange(name, 0o664).settings).config.jobs).toBe(3);
  });
});

test('started from inside the state directory, its .env is read once', () => {
  const root = directory({ '.env': `AUTOCACHE_STATE=.\nAUTOCACHE_JBOS=3\n` });
  expect(problems({}, { cwd: root })).toHaveLength(1);
});

test('the .env of the state directory cannot send the daemon on to another one', () => {
  const root = directory({ 'state/.env': 'AUTOCACHE_STATE=/elsewhere' });
  const stateDir = join(root, 'state');
  expect(problems({ AUTOCACHE_STATE: stateDir }, { cwd: root })).toEqual([
    `${join(stateDir, '.env')}: AUTOCACHE_STATE: this file is found by it and cannot set it; set it in the environment`,
  ]);
  const same = directory({ '.env': 'AUTOCACHE_STATE=.' });
  expect(load({ AUTOCACHE_STATE: same }, { cwd: root }).config.stateDir).toBe(same);
});

test('a relative path starts from the file that says it, not from where the daemon happens to start', () => {
  const root = directory({
    'state/.env': 'AUTOCACHE_DIR=cache',
    'work/.env': 'AUTOCACHE_ROOTS=models=hdd\nAUTOCACHE_STATE=../state',
  });
  const { config } = load({ AUTOCACHE_COMFYUI: 'ComfyUI' }, { cwd: join(root, 'work') });
  expect(config).toMatchObject({
    dir: join(root, 'state', 'cache'),
    roots: [{ path: join(root, 'work', 'models'), kind: 'hdd' }],
    comfyui: [join(root, 'work', 'ComfyUI')],
  });
});

test('an empty value means the default, and hides what an earlier place says', () => {
  const cwd = directory({ '.env': 'AUTOCACHE_EXCLUDE=**/*.tmp\nAUTOCACHE_JOBS=9\nAUTOCACHE_DIR=/x' });
  const { config } = load({ AUTOCACHE_EXCLUDE: '', AUTOCACHE_JOBS: ' ', AUTOCACHE_DIR: '' }, { cwd });
  const { cache } = defaultDirectories(process.platform, {}, '/home/ada');
  expect(config).toMatchObject({ exclude: [], jobs: 2, dir: cache });
});

test('quotes that cmd and docker --env-file leave around a value are not part of the path', () => {
  const { config } = load({ AUTOCACHE_DIR: '"/mnt/my ssd"', AUTOCACHE_LOG: "'warn'", AUTOCACHE_EXCLUDE: '"a";"b"' });
  expect(config).toMatchObject({ dir: '/mnt/my ssd', log: { level: 'warn' }, exclude: ['"a"', '"b"'] });
});

test('on Windows the environment has no case, drive letters and %LOCALAPPDATA% work', () => {
  const { config } = load(
    { Autocache_Roots: 'C:\\models=hdd;\\\\nas\\share\\m=nas', LOCALAPPDATA: 'C:\\L' },
    { platform: 'win32', cwd: 'D:\\work', home: 'C:\\Users\\ada' },
  );
  expect(config).toMatchObject({
    dir: 'C:\\L\\autocached\\Cache',
    stateDir: 'C:\\L\\autocached\\State',
    roots: [
      { path: 'C:\\models', kind: 'hdd' },
      { path: '\\\\nas\\share\\m', kind: 'nas' },
    ],
  });
});

test('without options this process is read', () => {
  vi.stubEnv('AUTOCACHE_JOBS', '13');
  onTestFinished(() => void vi.unstubAllEnvs());
  const { layers, context, cwd } = readEnv();
  expect(layers.find(({ from }) => from === 'environment')?.values['AUTOCACHE_JOBS']).toBe('13');
  expect({ cwd, platform: context.platform, home: context.home }).toEqual({
    cwd: process.cwd(),
    platform: process.platform,
    home: homedir(),
  });
});

test('keys of other programs are left alone', () => {
  const cwd = directory({ '.env': 'TOKEN=hush\nDATABASE_URL=postgres://u:p@h/db\nexport AUTOCACHE_JOBS=8 # eight\n' });
  const { layers } = readEnv({ env: { HOME: '/x', AUTOCACHED: '1' }, cwd, home: '/nowhere', platform: 'linux' });
  expect(layers.map(({ values }) => values)).toEqual([{}, {}, { AUTOCACHE_JOBS: '8' }, {}, {}]);
});

test.each([
  ['a Python environment named .env', (root: string) => mkdirSync(join(root, '.env'))],
  ['no .env', () => undefined],
])('%s is no trouble', (_name, make) => {
  const root = directory();
  make(root);
  expect(load({}, { cwd: root }).config.jobs).toBe(2);
});

test.skipIf(process.platform === 'win32')('a .env that cannot be read is not passed over', () => {
  const cwd = directory();
  symlinkSync('.env', join(cwd, '.env'));
  expect(problems({}, { cwd })).toEqual([expect.stringContaining(`${join(cwd, '.env')}: cannot be read: ELOOP`)]);
});

test.skipIf(process.platform === 'win32')(
  'a .env that is a link to itself is told in words, without names of system calls',
  () => {
    const cwd = directory();
    symlinkSync('.env', join(cwd, '.env'));
    expect(problems({}, { cwd })).toEqual([`${join(cwd, '.env')}: cannot be read: ELOOP: too many symbolic links encountered`]);
  },
);

test('a working directory that is a file has no .env', () => {
  const root = directory({ file: '' });
  expect(load({}, { cwd: join(root, 'file') }).config.jobs).toBe(2);
});

test('the UTF-16 that Windows PowerShell writes is refused, not read as an empty file', () => {
  const cwd = directory({ '.env': Buffer.from('\ufeffAUTOCACHE_JOBS=3\r\n', 'utf16le') });
  expect(problems({}, { cwd })).toEqual([`${join(cwd, '.env')}: is not UTF-8 text; save it as UTF-8`]);
});

test('a .env that a power cut has left full of NUL bytes is told as damaged, not as written in another alphabet', () => {
  const cwd = directory({ '.env': 'AUTOCACHE_JOBS=3\n\0\0\0\0\0' });
  expect(problems({}, { cwd })).toEqual([
    `${join(cwd, '.env')}: has NUL bytes in it: it is damaged, or no text; write it anew`,
  ]);
});

test('a byte order mark and Windows line ends do not hide the first key', () => {
  const cwd = directory({ '.env': '\ufeffAUTOCACHE_JOBS=3\r\nAUTOCACHE_POLICY=lfu\r\n' });
  expect(load({}, { cwd }).config).toMatchObject({ jobs: 3, policy: 'lfu' });
});

test('a line that the format would skip or cut short is refused', () => {
  const cwd = directory({
    '.env': [
      'AUTOCACHE_JOBS 3',
      'AUTOCACHE_DIR=/mnt/disk#1/cache',
      "AUTOCACHE_EXCLUDE='**/#old/**' # fine",
      'AUTOCACHE_LIMIT=1GiB # fine',
      '# AUTOCACHE_MODE off',
    ].join('\n'),
  });
  expect(problems({}, { cwd })).toEqual([
    `${join(cwd, '.env')}: AUTOCACHE_JOBS: expected AUTOCACHE_JOBS=value on the line`,
    `${join(cwd, '.env')}: AUTOCACHE_DIR: "#" starts a comment; put the value in single quotes`,
  ]);
});

test('a Windows path in double quotes is not cut by its \\n', () => {
  const cwd = directory({ '.env': 'AUTOCACHE_DIR="/x\\new"\nAUTOCACHE_ROOTS=\'/x\\new\'\n' });
  expect(problems({}, { cwd })).toEqual([
    `${join(cwd, '.env')}: AUTOCACHE_DIR: holds a line break, which \\n and \\r mean in double quotes; use single quotes, or none, for a Windows path`,
  ]);
});
