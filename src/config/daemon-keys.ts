import type { Key } from './key.ts';
import { parsePath } from './paths.ts';
import type { Config } from './types.ts';
import { parseHosts, parseListen, parseLog } from './values.ts';

type DaemonField = 'listen' | 'hosts' | 'stateDir' | 'group' | 'log';

/** The daemon's own keys: address, access and log; a part of the table in `keys.ts`. */
export const daemonKeys: { readonly [F in DaemonField]: Key<Config[F]> } = {
  listen: {
    name: 'AUTOCACHE_LISTEN',
    default: '127.0.0.1:8389',
    meaning: 'address of the HTTP interface, host:port; where it is not set, the next free port above will do too',
    live: false,
    parse: parseListen,
  },
  hosts: {
    name: 'AUTOCACHE_HOSTS',
    default: '',
    meaning:
      'further names by which the daemon is reached, separated by commas: nas.local, or nas.local:8443 behind another port',
    live: false,
    parse: parseHosts,
  },
  stateDir: {
    name: 'AUTOCACHE_STATE',
    default: '',
    meaning: "state directory (catalog, token, lock); empty = autocached in the user's state directory",
    live: false,
    parse: (text, context) => (text === '' ? context.defaults.state : parsePath(text, context)),
  },
  group: {
    name: 'AUTOCACHE_GROUP',
    default: '',
    meaning: 'group of users who may use this cache and control its daemon, by name or number; empty = only you',
    live: false,
    parse: (text) => (text === '' ? null : text),
  },
  log: {
    name: 'AUTOCACHE_LOG',
    default: 'info,pretty',
    meaning: 'trace, debug, info, warn, error or silent, and after a comma the form: pretty or json',
    live: true,
    parse: parseLog,
  },
};
