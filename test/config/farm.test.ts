import { describe, expect, test } from 'vitest';
import { farmKeyFile } from '../../src/config/farm-keys.ts';
import { load, problems } from './load.ts';

const TiB = 2 ** 40;

test('a farm needs one setting', () => {
  const { config } = load({ AUTOCACHE_FARM: 'redis://:secret@a:7000' });
  expect(config.farm).toMatchObject({ kind: 'single', nodes: [{ host: 'a', port: 7000 }], password: 'secret' });
  expect(farmKeyFile(config)).toBe('/home/ada/.local/state/autocached/farm.key');
});

test('every setting of a farm does what it says', () => {
  const { config } = load({
    AUTOCACHE_FARM: 'redis+cluster://a,b',
    AUTOCACHE_FARM_NAME: 'studio-2',
    AUTOCACHE_FARM_LISTEN: '[::]:9000',
    AUTOCACHE_FARM_URL: 'https://gpu1.lan:9000/',
    AUTOCACHE_FARM_KEY: '~/farm.key',
    AUTOCACHE_FARM_ORIGIN_READS: 'nas=8',
    AUTOCACHE_FARM_UPLOAD: '500MiB/s',
    AUTOCACHE_FARM_KEEP: '2',
    AUTOCACHE_FARM_TRUST: 'Published',
    AUTOCACHE_FARM_SMALL: '8MiB',
  });
  expect(config).toMatchObject({
    farm: { kind: 'cluster' },
    farmName: 'studio-2',
    farmListen: { host: '::', port: 9000 },
    farmUrl: 'https://gpu1.lan:9000',
    farmOriginReads: { hdd: 2, nas: 8, s3: 16, ssd: 16 },
    farmUpload: 500 * 2 ** 20,
    farmKeep: 2,
    farmTrust: 'published',
    farmSmall: 8 * 2 ** 20,
  });
  expect(farmKeyFile(config)).toBe('/home/ada/farm.key');
});

test('a port alone is open to the other hosts', () => {
  expect(load({ AUTOCACHE_FARM_LISTEN: '9000' }).config.farmListen).toEqual({ host: '0.0.0.0', port: 9000 });
});

test('words turn parts of it off', () => {
  const env = {
    AUTOCACHE_FARM: 'OFF',
    AUTOCACHE_FARM_LISTEN: 'off',
    AUTOCACHE_FARM_SMALL: 'off',
    AUTOCACHE_FARM_UPLOAD: 'none',
  };
  expect(load(env).config).toMatchObject({ farm: null, farmListen: null, farmSmall: null, farmUpload: null });
});

test.each([
  ['AUTOCACHE_FARM', 'peers', /expected an address such as redis:\/\//],
  ['AUTOCACHE_FARM_NAME', 'a:b', /expected a name/],
  ['AUTOCACHE_FARM_NAME', '{a}', /expected a name/],
  ['AUTOCACHE_FARM_LISTEN', 'gpu1', /expected host:port/],
  ['AUTOCACHE_FARM_URL', 'http://gpu1:8390', /expected an address such as https:/],
  ['AUTOCACHE_FARM_URL', 'https://gpu1:8390/x', /expected an address such as https:/],
  ['AUTOCACHE_FARM_ORIGIN_READS', '4', /expected kinds with numbers/],
  ['AUTOCACHE_FARM_ORIGIN_READS', 'nas=0', /expected a whole number from 1 to 64/],
  ['AUTOCACHE_FARM_UPLOAD', '0', /expected more than 0, or "none"/],
  ['AUTOCACHE_FARM_KEEP', '-1', /expected a whole number/],
  ['AUTOCACHE_FARM_TRUST', 'nobody', /expected one of members, published, twice/],
  ['AUTOCACHE_FARM_SMALL', '1GiB', /expected off, or a size up to 64MiB/],
])('%s=%s is refused in one line', (key, text, why) => {
  const [problem, ...more] = problems({ [key]: text });
  expect(more).toEqual([]);
  expect(problem).toMatch(why);
  expect(problem).toContain(`environment: ${key}: `);
});

describe('the store that hosts share copies in', () => {
  test('is a bucket, or a part of one, with a limit', () => {
    const { shared } = load({ AUTOCACHE_SHARED: 's3://models/farm?endpoint=http://127.0.0.1:9000&limit=2TiB' }).config;
    expect(shared).toMatchObject({
      limit: 2 * TiB,
      at: { driver: 's3', bucket: 'models', prefix: 'farm', endpoint: 'http://127.0.0.1:9000', style: 'path' },
    });
  });

  test.each([
    ['/mnt/models', /expected an address such as s3:/],
    ['s3://models', /it needs its limit/],
    ['s3://models?limit=1TiB&limit=2TiB', /it needs its limit/],
    ['s3://models?limit=0', /expected more than 0/],
    ['s3://models?limit=', /its limit is a size/],
    ['s3://models?limit=1TiB&to=loras', /"to" is no parameter/],
    ['s3://hunter2:hunter2@models?limit=1TiB', /does not belong into an address/],
    ['s3://models?limit=1TiB&secret=hunter2', /does not belong into an address/],
  ])('%s is refused in one line, without a secret', (text, why) => {
    const [problem, ...more] = problems({ AUTOCACHE_SHARED: text });
    expect(more).toEqual([]);
    expect(problem).toMatch(why);
    expect(problem).not.toContain('hunter2');
  });
});

test('the password of the Redis is not among the settings that are shown', () => {
  expect(JSON.stringify(load({ AUTOCACHE_FARM: 'redis://ada:hunter2@a' }).settings)).not.toContain('hunter2');
});
