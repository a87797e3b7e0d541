import { expect, test } from 'vitest';
import { defaultDirectories } from '../../src/config/directories.ts';

test('on Linux copies go where XDG says, and else below ~/.cache', () => {
  expect(defaultDirectories('linux', {}, '/home/ada')).toEqual({
    cache: '/home/ada/.cache/autocached',
    state: '/home/ada/.local/state/autocached',
  });
  expect(defaultDirectories('freebsd', { XDG_CACHE_HOME: '/fast/cache', XDG_STATE_HOME: '/var/ada' }, '/home/ada')).toEqual({
    cache: '/fast/cache/autocached',
    state: '/var/ada/autocached',
  });
});

test('a relative XDG directory does not scatter copies over working directories', () => {
  expect(defaultDirectories('linux', { XDG_CACHE_HOME: 'cache', XDG_STATE_HOME: '' }, '/home/ada')).toEqual({
    cache: '/home/ada/.cache/autocached',
    state: '/home/ada/.local/state/autocached',
  });
});

test('on macOS copies go to Caches, which Time Machine leaves out', () => {
  expect(defaultDirectories('darwin', { XDG_CACHE_HOME: '/x' }, '/Users/ada')).toEqual({
    cache: '/Users/ada/Library/Caches/autocached',
    state: '/Users/ada/Library/Application Support/autocached',
  });
});

test('on Windows copies go to the local, not the roaming, profile', () => {
  expect(defaultDirectories('win32', { LOCALAPPDATA: 'D:\\Local' }, 'C:\\Users\\ada')).toEqual({
    cache: 'D:\\Local\\autocached\\Cache',
    state: 'D:\\Local\\autocached\\State',
  });
  expect(defaultDirectories('win32', {}, 'C:\\Users\\ada')).toEqual({
    cache: 'C:\\Users\\ada\\AppData\\Local\\autocached\\Cache',
    state: 'C:\\Users\\ada\\AppData\\Local\\autocached\\State',
  });
});
