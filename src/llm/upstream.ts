import { Upstream } from '../runtime/upstream.ts';

/** The address of a server, by that of its API; both end with `/`. */
export function serverOf(api: string): string {
  return api.endsWith('/v1/') ? api.slice(0, -'v1/'.length) : api;
}

/** A language model's server. @param silenceMs longest time without a byte, null = without end */
export function llmServer(url: string, silenceMs: number | null): Upstream {
  return new Upstream({
    url,
    silenceMs,
    called: 'the server',
    hints: {
      away: 'Is it running, and at the address that was said?',
      silent: 'AUTOCACHE_LLM_TIMEOUT says how long it is waited for.',
    },
  });
}
