import { describe, expect, test } from 'vitest';
import {
  bounds,
  moreThanZero,
  oneOf,
  parseCategory,
  parseFloor,
  parseLimit,
  parseList,
  parseListen,
  parseLog,
  parseQuota,
  parseUrl,
  parseWater,
  perSource,
  wholeNumber,
} from '../../src/config/values.ts';
import { parseSize } from '../../src/core/units.ts';

test('a word is read in any case, and a wrong one answered with all that there are', () => {
  const parse = oneOf(['off', 'read-only']);
  expect(parse('Read-Only')).toBe('read-only');
  expect(() => parse('readonly')).toThrow('expected one of off, read-only, got "readonly"');
});

test('numbers outside the bounds are refused', () => {
  const parse = wholeNumber(1, 64);
  expect([parse('1'), parse('64')]).toEqual([1, 64]);
  for (const text of ['0', '65', '1.5', '-1', '', 'two', '1e1']) {
    expect(() => parse(text)).toThrow('expected a whole number from 1 to 64, got');
  }
});

test('an address of a server ends with a slash, so that paths are put behind it', () => {
  expect(parseUrl('http://127.0.0.1:8188')).toBe('http://127.0.0.1:8188/');
  expect(parseUrl('https://gpu.lan/comfy')).toBe('https://gpu.lan/comfy/');
  expect(parseUrl('off')).toBeNull();
  for (const text of ['127.0.0.1:8188', 'ftp://a', 'http://user:word@a', 'http://a/?x=1', 'on'])
    expect(() => parseUrl(text)).toThrow('expected off or an address such as http://127.0.0.1:8188');
});

describe('a limit', () => {
  test.each([
    ['auto', { kind: 'auto' }],
    ['AUTO', { kind: 'auto' }],
    ['200GiB', { kind: 'bytes', bytes: 200 * 2 ** 30 }],
    ['80%', { kind: 'share', share: 0.8 }],
  ])('%s', (text, amount) => {
    expect(parseLimit(text)).toEqual(amount);
  });

  test.each(['0', '0GiB', '0%'])('of %s would evict everything and is refused', (text) => {
    expect(() => parseLimit(text)).toThrow(`expected more than 0, or "auto" (AUTOCACHE_MODE=off stops caching), got "${text}"`);
  });
});

test('water at the bottom would empty the cache and is refused', () => {
  expect(parseWater('0.5%')).toBe(0.005);
  expect(() => parseWater('0%')).toThrow('expected a share of more than 0%, got "0%"');
});

test('a quota of nothing is refused, and there is none that follows from the disk', () => {
  expect(parseQuota('60%')).toEqual({ kind: 'share', share: 0.6 });
  expect(() => parseQuota('0%')).toThrow('expected more than 0, got "0%"');
  expect(() => parseQuota('auto')).toThrow('expected a size such as');
});

test('a floor may be nothing, but not the whole volume', () => {
  expect(parseFloor('0')).toEqual({ kind: 'bytes', bytes: 0 });
  expect(parseFloor('5%')).toEqual({ kind: 'share', share: 0.05 });
  expect(() => parseFloor('100%')).toThrow('expected less than 100%');
});

test('a bound of 0 is refused: it would stop everything', () => {
  const parse = moreThanZero(parseSize, 'none');
  expect([parse('None'), parse('1KiB')]).toEqual([null, 1024]);
  expect(() => parse('0')).toThrow('expected more than 0, or "none", got "0"');
});

test.each([
  ['', []],
  ['a, b;c,,', ['a', 'b', 'c']],
  ['**/*.{gguf,pt}, loras/**', ['**/*.{gguf,pt}', 'loras/**']],
  ['{a,b', ['{a', 'b']],
])('list "%s" keeps the commas of its globs', (text, items) => {
  expect(parseList(text)).toEqual(items);
});

describe('bounds by name', () => {
  const parse = bounds({ name: parseCategory, value: parseSize, overall: 7 });

  test.each([
    ['16KiB', { overall: 16_384, by: {} }],
    ['16KiB,loras=1KiB', { overall: 16_384, by: { loras: 1024 } }],
    ['loras = 1KiB ; vae=2KiB', { overall: 7, by: { loras: 1024, vae: 2048 } }],
    ['0,loras=0', { overall: 0, by: { loras: 0 } }],
  ])('%s', (text, value) => {
    expect(parse(text)).toEqual(value);
  });

  test('two values for everything are refused, not one of them silently dropped', () => {
    expect(() => parse('1KiB,2KiB')).toThrow('expected one value for everything and name=value for the others');
  });

  test('so are two values for one name', () => {
    expect(() => parse('loras=1KiB,vae=1KiB,loras=2KiB')).toThrow('expected one value for loras, got "loras=1KiB,vae');
  });

  test('a value for nothing is refused', () => {
    expect(() => parse('=1KiB')).toThrow('expected a category before "=", got nothing');
    expect(() => parse('loras=')).toThrow('expected a size such as');
    expect(() => parse('loras=1=2')).toThrow('got "1=2"');
  });
});

test('a hard disk keeps to one copy at a time although only the NAS was named', () => {
  const jobsPerSource = perSource({ hdd: 1 });
  expect(jobsPerSource('nas=3')).toEqual({ hdd: 1, nas: 3 });
  expect(jobsPerSource('hdd=2, ssd=4')).toEqual({ hdd: 2, ssd: 4 });
  expect(() => jobsPerSource('3')).toThrow('expected kinds with numbers such as hdd=1,nas=2, got "3"');
  expect(() => jobsPerSource('hdd=0')).toThrow('expected a whole number from 1 to 64, got "0"');
  expect(() => jobsPerSource('disk=1')).toThrow('expected a kind, one of hdd, nas, s3, ssd, got "disk"');
});

describe('an address to listen on', () => {
  test.each([
    ['127.0.0.1:8189', { host: '127.0.0.1', port: 8189 }],
    ['[::1]:8189', { host: '::1', port: 8189 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['0.0.0.0:65535', { host: '0.0.0.0', port: 65_535 }],
    ['gpu-box.lan:80', { host: 'gpu-box.lan', port: 80 }],
    ['9000', { host: '127.0.0.1', port: 9000 }],
  ])('%s', (text, listen) => {
    expect(parseListen(text)).toEqual(listen);
  });

  test.each([
    '',
    'localhost',
    'localhost:',
    ':8189',
    '127.0.0.1:65536',
    '::1:8189',
    '[1.2.3.4]:1',
    '256.0.0.1:1',
    'a b:1',
    'http://x:1',
  ])('"%s" is refused at start, not by a socket later', (text) => {
    expect(() => parseListen(text)).toThrow('expected host:port such as 127.0.0.1:8389 or [::1]:8389, got');
  });
});

test('a log level alone is printed for people', () => {
  expect(parseLog('warn')).toEqual({ level: 'warn', form: 'pretty' });
  expect(parseLog('Debug, JSON')).toEqual({ level: 'debug', form: 'json' });
  expect(() => parseLog('loud')).toThrow('expected one of trace, debug, info, warn, error, silent, got "loud"');
  expect(() => parseLog('info,xml')).toThrow('expected one of pretty, json, got "xml"');
  expect(() => parseLog('info,json,x')).toThrow('expected level or level,form such as info,pretty');
});
