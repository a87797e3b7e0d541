import { posix, win32 } from 'node:path';

/** The default places of a user's caches and states on this system. */
export interface Directories {
  cache: string;
  state: string;
}

/**
 * The default directories: the XDG base directories on Linux and the like, ~/Library on macOS, %LOCALAPPDATA% on Windows.
 * A relative XDG directory is not used, as its specification demands.
 */
export function defaultDirectories(platform: NodeJS.Platform, env: NodeJS.ProcessEnv, home: string): Directories {
  if (platform === 'win32') {
    const local = env['LOCALAPPDATA'] || win32.join(home, 'AppData', 'Local');
    return { cache: win32.join(local, 'autocached', 'Cache'), state: win32.join(local, 'autocached', 'State') };
  }
  if (platform === 'darwin') {
    const library = posix.join(home, 'Library');
    return {
      cache: posix.join(library, 'Caches', 'autocached'),
      state: posix.join(library, 'Application Support', 'autocached'),
    };
  }
  const xdg = (name: string, ...otherwise: string[]) => xdgDirectory(env[name], posix.join(home, ...otherwise));
  return { cache: xdg('XDG_CACHE_HOME', '.cache'), state: xdg('XDG_STATE_HOME', '.local', 'state') };
}

/** The settings file for all daemons of a user. */
export function userConfigFile(platform: NodeJS.Platform, env: NodeJS.ProcessEnv, home: string): string {
  const name = 'config.env';
  if (platform === 'win32') {
    return win32.join(env['APPDATA'] || win32.join(home, 'AppData', 'Roaming'), 'autocached', name);
  }
  if (platform === 'darwin') return posix.join(home, 'Library', 'Application Support', 'autocached', name);
  return posix.join(xdgDirectory(env['XDG_CONFIG_HOME'], posix.join(home, '.config')), name);
}

function xdgDirectory(set: string | undefined, otherwise: string): string {
  return posix.join(set && posix.isAbsolute(set) ? set : otherwise, 'autocached');
}
