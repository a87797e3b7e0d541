/** `daemon.json` in the state directory: how programs find the daemon. */
export interface DaemonFile {
  url: string;
  pid: number;
  version: string;
  tokenFile: string;
}

export const directoriesName = 'directories.json';

/**
 * `directories.json` beside it, which stays when the daemon ends: a path in an answer, or in the catalog, is believed only below
 * one of these.
 */
export interface DirectoriesFile {
  directories: readonly string[];
}

/** The token, in the state directory or where `AUTOCACHE_TOKEN_FILE` says. */
export const tokenPattern = /^[0-9a-f]{64}$/;
