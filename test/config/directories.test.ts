import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { defaultDirectories, userConfigFile } from '../../src/config/directories.ts';

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

test('a relative HOME is one of the working directory at the start', () => {
  const { config } = loadConfig({ env: {}, cwd: '/srv/ada', home: 'home', platform: 'linux' });
  expect(config).toMatchObject({ dir: '/srv/ada/home/.cache/autocached', stateDir: '/srv/ada/home/.local/state/autocached' });
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

test("the user's own settings lie where each system keeps them", () => {
  expect(userConfigFile('linux', {}, '/home/ada')).toBe('/home/ada/.config/autocached/config.env');
  expect(userConfigFile('linux', { XDG_CONFIG_HOME: '/etc/ada' }, '/home/ada')).toBe('/etc/ada/autocached/config.env');
  expect(userConfigFile('linux', { XDG_CONFIG_HOME: 'here' }, '/home/ada')).toBe('/home/ada/.config/autocached/config.env');
  expect(userConfigFile('darwin', {}, '/Users/ada')).toBe('/Users/ada/Library/Application Support/autocached/config.env');
  expect(userConfigFile('win32', { APPDATA: 'D:\\Roaming' }, 'C:\\Users\\ada')).toBe('D:\\Roaming\\autocached\\config.env');
});
