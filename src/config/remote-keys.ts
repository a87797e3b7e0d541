import { parseDuration, parseSize } from '../core/units.ts';
import type { Key } from './key.ts';
import { parseRemotes } from './remotes.ts';
import type { Config } from './types.ts';
import { moreThanZero } from './values.ts';

type RemoteField = 'remotes' | 'remoteListMs' | 'remoteMonthly';

/** The keys of models in buckets and behind HTTP; a part of the table in `keys.ts`. */
export const remoteKeys: { readonly [F in RemoteField]: Key<Config[F]> } = {
  remotes: {
    name: 'AUTOCACHE_REMOTES',
    default: '',
    meaning:
      'models in S3, on Hugging Face, Civitai or a web server: main=s3://bucket/models?region=eu-central-1;flux=hf://org/repo?to=vae',
    // Files of the user only: a request must not send the daemon to a server.
    live: false,
    parse: parseRemotes,
  },
  remoteListMs: {
    name: 'AUTOCACHE_REMOTE_LIST',
    default: '15m',
    meaning: 'how often they are listed',
    live: false,
    parse: parseInterval,
  },
  remoteMonthly: {
    name: 'AUTOCACHE_REMOTE_MONTHLY',
    default: 'none',
    meaning:
      'most bytes read from each of them a month (UTC), such as 200GiB; beyond it, only a file that is waited for is read',
    live: true,
    parse: moreThanZero(parseSize, 'none'),
  },
};

/** At least one second: each listing costs money. */
function parseInterval(text: string): number {
  return Math.max(1_000, parseDuration(text));
}
