import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatBytes, formatDuration } from '../../src/core/format.ts';
import { parseBoolean, parseDuration, parseRate, parseShare, parseSize } from '../../src/core/units.ts';

describe('sizes', () => {
  test.each([
    ['200GiB', 200 * 2 ** 30],
    ['16MiB', 16 * 2 ** 20],
    ['1.5TB', 1.5e12],
    ['1.5 TiB', 1.5 * 2 ** 40],
    ['500MB', 500e6],
    ['8kb', 8000],
    ['16M', 16 * 2 ** 20],
    ['2g', 2 ** 31],
    ['1T', 2 ** 40],
    ['3k', 3072],
    ['1PiB', 2 ** 50],
    ['512', 512],
    ['512B', 512],
    ['0', 0],
    ['2mI', 2 * 2 ** 20],
    [' 10 GiB ', 10 * 2 ** 30],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each([
    '',
    'big',
    '-1GiB',
    '1,5GB',
    '1.GB',
    '.5GB',
    '1e9',
    '10 apples',
    'GiB',
    '1GiB2',
    '10%',
    'NaN',
    'Infinity',
    '0x10',
  ])('a size of "%s" is refused with what was expected and what was got', (text) => {
    const got = text === '' ? 'got nothing' : `got "${text}"`;
    expect(() => parseSize(text)).toThrow(`expected a size such as 200GiB, 500MB or a number of bytes, ${got}`);
  });

  test('a size that a number cannot hold exactly is refused instead of rounded', () => {
    expect(parseSize(String(Number.MAX_SAFE_INTEGER))).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => parseSize('8PiB')).toThrow('expected a size below 8PiB, got "8PiB"');
  });

  test('every number of bytes reads back as itself', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseSize(`${bytes}`) === bytes && parseSize(`${bytes}B`) === bytes));
  });

  test('what is printed for people can be typed in again and means the same to three digits', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (bytes) => {
        const text = formatBytes(bytes);
        // 8 PiB and what rounds to it cannot be typed in.
        fc.pre(text !== '8 PiB');
        expect(Math.abs(parseSize(text) - bytes)).toBeLessThanOrEqual(bytes * 0.0051);
        expect(formatBytes(parseSize(text))).toBe(text);
      }),
    );
  });

  test('whole numbers of every unit are exact', () => {
    const units = {
      B: 1,
      K: 2 ** 10,
      KB: 1e3,
      KiB: 2 ** 10,
      M: 2 ** 20,
      MB: 1e6,
      MiB: 2 ** 20,
      G: 2 ** 30,
      GB: 1e9,
      GiB: 2 ** 30,
    };
    fc.assert(
      fc.property(fc.nat(8_000_000), fc.constantFrom(...Object.entries(units)), (count, [unit, factor]) => {
        expect(parseSize(`${count}${unit}`)).toBe(count * factor);
        expect(parseSize(`${count} ${unit.toLowerCase()}`)).toBe(count * factor);
      }),
    );
  });
});

describe('shares', () => {
  test.each([
    ['80%', 0.8],
    ['0%', 0],
    ['100 %', 1],
    ['12.5%', 0.125],
  ])('%s is %d', (text, share) => {
    expect(parseShare(text)).toBe(share);
  });

  test.each(['101%', '-5%', '0.8', '%', 'half'])('a share of "%s" is refused', (text) => {
    expect(() => parseShare(text)).toThrow(`expected a share from 0% to 100%, got "${text}"`);
  });
});

describe('durations', () => {
  test.each([
    ['0', 0],
    ['500ms', 500],
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['1h 30m', 5_400_000],
    ['1.5H', 5_400_000],
    ['30d', 2_592_000_000],
    ['2w', 1_209_600_000],
    ['1d2h3m4s5ms', 93_784_005],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(['', '10', 'soon', '-5m', '5 minutes', '1h30', '1mo', '1..5h'])('a duration of "%s" is refused', (text) => {
    expect(() => parseDuration(text)).toThrow('expected a duration such as 500ms, 10m, 1h30m or 30d, got');
  });

  test('a duration of millions of parts is refused, with its begin', () => {
    expect(() => parseDuration('1s'.repeat(7_000_000))).toThrow(/^expected a duration .{1,150}…"$/);
  });

  test('a duration beyond exact numbers is refused', () => {
    expect(() => parseDuration('999999999999w')).toThrow('expected a duration below 285000 years');
  });

  test('what is printed for people can be typed in again', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31), (ms) => {
        expect(formatDuration(parseDuration(formatDuration(ms)))).toBe(formatDuration(ms));
      }),
    );
  });
});

test.each([
  ['200MiB', 200 * 2 ** 20],
  ['200MiB/s', 200 * 2 ** 20],
  ['1 GB /S', 1e9],
])('a rate of %s is %d bytes per second', (text, rate) => {
  expect(parseRate(text)).toBe(rate);
});

test.each(['fast', '10MiB/m', '/s'])('a rate of "%s" is refused', (text) => {
  expect(() => parseRate(text)).toThrow(`expected bytes per second such as 200MiB or 200MiB/s, got "${text}"`);
});

test.each(['1', 'true', 'TRUE', 'yes', 'Yes', 'on', ' ON '])('%s switches on', (text) => {
  expect(parseBoolean(text)).toBe(true);
});

test.each(['0', 'false', 'False', 'no', 'NO', 'off'])('%s switches off', (text) => {
  expect(parseBoolean(text)).toBe(false);
});

test.each(['', '2', 'maybe', 'toString', '__proto__'])('"%s" switches nothing and is refused', (text) => {
  expect(() => parseBoolean(text)).toThrow('expected 1 or 0 (true/false, yes/no, on/off), got');
});
