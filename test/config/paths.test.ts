import { describe, expect, test } from 'vitest';
import { type PathContext, parseMedium, parsePath, parsePaths, parseRoots } from '../../src/config/paths.ts';

const posix: PathContext = { platform: 'linux', home: '/home/ada', base: '/srv/app', defaults: { cache: '/c', state: '/s' } };
const windows: PathContext = {
  platform: 'win32',
  home: 'C:\\Users\\ada',
  base: 'D:\\app',
  defaults: { cache: 'C:\\c', state: 'C:\\s' },
};

test('folders that are separated by commas are several folders, and a comma in a name is a comma', () => {
  expect(parsePaths('/a, /b,~/c', posix)).toEqual(['/a', '/b', '/home/ada/c']);
  expect(parsePaths('/models, all/loras', posix)).toEqual(['/models, all/loras']);
  expect(parseRoots('/a=hdd,/b=nas', posix)).toEqual([
    { path: '/a', kind: 'hdd' },
    { path: '/b', kind: 'nas' },
  ]);
  expect(parsePaths('C:\\a,D:\\b', windows)).toEqual(['C:\\a', 'D:\\b']);
});

describe('a path', () => {
  test.each([
    ['/mnt/models', '/mnt/models'],
    ['/mnt/../models/', '/models'],
    ['models', '/srv/app/models'],
    ['../models', '/srv/models'],
    ['~', '/home/ada'],
    ['~/models', '/home/ada/models'],
    ['~models', '/srv/app/~models'],
    ['/mnt/a$b%c%', '/mnt/a$b%c%'],
  ])('on POSIX %s is %s', (text, path) => {
    expect(parsePath(text, posix)).toBe(path);
  });

  test.each([
    ['C:\\models', 'C:\\models'],
    ['C:/models/', 'C:\\models'],
    ['models', 'D:\\app\\models'],
    ['\\\\nas\\share\\models', '\\\\nas\\share\\models'],
    ['\\\\nas\\share', '\\\\nas\\share\\'],
    ['\\\\nas\\c$\\models', '\\\\nas\\c$\\models'],
    ['~\\models', 'C:\\Users\\ada\\models'],
    ['~/models', 'C:\\Users\\ada\\models'],
  ])('on Windows %s is %s', (text, path) => {
    expect(parsePath(text, windows)).toBe(path);
  });

  test('a home directory with a dollar sign is not mistaken for a pattern', () => {
    expect(parsePath('~/m', { ...posix, home: '/home/a$&b' })).toBe('/home/a$&b/m');
  });

  test.each(['$HOME/models', `/mnt/${'$'}{USER}/models`])('%s does not become a directory of that name', (text) => {
    expect(() => parsePath(text, posix)).toThrow(
      `expected a path without variables (~ stands for your home directory), got "${text}"`,
    );
  });

  test.each(['%USERPROFILE%\\models', '$env:TEMP\\x'])('%s does not become a directory of that name', (text) => {
    expect(() => parsePath(text, windows)).toThrow('expected a path without variables');
  });

  test.each(['C:\\models', 'c:/models', '\\\\nas\\models'])('%s on Linux is refused with what WSL calls it', (text) => {
    expect(() => parsePath(text, posix)).toThrow(
      `expected a path of this system (WSL shows drive C: as /mnt/c), got "${text}"`,
    );
  });

  test.each(['smb://nas/models', 'https://example.org/m'])('%s is not a directory until it is mounted', (text) => {
    expect(() => parsePath(text, posix)).toThrow(`expected a directory (mount the address first), got "${text}"`);
    expect(() => parsePath(text, windows)).toThrow('expected a directory');
  });

  test('no path at all is refused, not taken for the working directory', () => {
    expect(() => parsePath('', posix)).toThrow('expected a path, got nothing');
  });
});

describe('several directories', () => {
  test('are separated by ; everywhere and by : on POSIX', () => {
    expect(parsePaths('/a:/b;~/c; ;', posix)).toEqual(['/a', '/b', '/home/ada/c']);
    expect(parsePaths('C:\\a;D:\\b', windows)).toEqual(['C:\\a', 'D:\\b']);
    expect(parsePaths('', posix)).toEqual([]);
  });

  test('named twice count once', () => {
    expect(parsePaths('/a;/a/', posix)).toEqual(['/a']);
  });
});

describe('roots', () => {
  test.each([
    ['', []],
    ['/mnt/nas', [{ path: '/mnt/nas', kind: null }]],
    ['/mnt/nas=nas', [{ path: '/mnt/nas', kind: 'nas' }]],
    [
      '/mnt/nas=NAS:/mnt/hdd = hdd;models',
      [
        { path: '/mnt/nas', kind: 'nas' },
        { path: '/mnt/hdd', kind: 'hdd' },
        { path: '/srv/app/models', kind: null },
      ],
    ],
    ['/mnt/a=b=ssd', [{ path: '/mnt/a=b', kind: 'ssd' }]],
    ['/mnt/a=b/models', [{ path: '/mnt/a=b/models', kind: null }]],
    ['/a=hdd;/a=hdd', [{ path: '/a', kind: 'hdd' }]],
    [
      's3://bucket/models=s3:/mnt/hdd=hdd',
      [
        { path: 's3://bucket/models', kind: 's3' },
        { path: '/mnt/hdd', kind: 'hdd' },
      ],
    ],
    [
      '/mnt/hdd:s3://bucket',
      [
        { path: '/mnt/hdd', kind: null },
        { path: 's3://bucket', kind: 's3' },
      ],
    ],
  ])('on POSIX "%s"', (text, roots) => {
    expect(parseRoots(text, posix)).toEqual(roots);
  });

  test.each([
    [
      'C:\\models=hdd;D:\\x',
      [
        { path: 'C:\\models', kind: 'hdd' },
        { path: 'D:\\x', kind: null },
      ],
    ],
    [
      '\\\\nas\\share\\models=nas;E:/loras=ssd',
      [
        { path: '\\\\nas\\share\\models', kind: 'nas' },
        { path: 'E:\\loras', kind: 'ssd' },
      ],
    ],
    ['models;', [{ path: 'D:\\app\\models', kind: null }]],
    ['s3://bucket/x', [{ path: 's3://bucket/x', kind: 's3' }]],
  ])('on Windows a drive letter does not cut "%s" in two', (text, roots) => {
    expect(parseRoots(text, windows)).toEqual(roots);
  });

  test('a kind that does not exist is refused, not taken for a directory', () => {
    expect(() => parseRoots('/mnt/nas=nsa', posix)).toThrow('expected a kind, one of hdd, nas, s3, ssd, got "nsa"');
    expect(() => parseRoots('/mnt/nas=', posix)).toThrow('expected a kind, one of hdd, nas, s3, ssd, got nothing');
    expect(() => parseRoots('=nas', posix)).toThrow('expected a path, got nothing');
  });

  test('one directory with two kinds is refused', () => {
    expect(() => parseRoots('/a=hdd;/a=nas', posix)).toThrow('/a is listed twice, with different kinds');
    expect(() => parseRoots('/a;/a=nas', posix)).toThrow('/a is listed twice, with different kinds');
  });

  test('an s3:// address cannot be another kind', () => {
    expect(() => parseRoots('s3://bucket=nas', posix)).toThrow('expected s3 as the kind of an s3:// address');
  });

  test.each(['C:\\models=hdd;D:\\x', 'C:/models', '/mnt/a;D:\\x', '/mnt/a:D:/x'])(
    'Windows roots "%s" on Linux are refused whole',
    (text) => {
      expect(() => parseRoots(text, posix)).toThrow('expected paths of this system (WSL shows drive C: as /mnt/c)');
    },
  );

  test('an address that must be mounted is refused whole, not cut at its colon', () => {
    expect(() => parseRoots('smb://nas/models', posix)).toThrow(
      'expected a directory (mount the address first), got "smb://nas/models"',
    );
  });
});

test('a kind is read in any case', () => {
  expect(parseMedium(' HDD ')).toBe('hdd');
});
