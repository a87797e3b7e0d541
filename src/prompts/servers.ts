import { isIPv4 } from 'node:net';
import { ComfyuiServer } from '../comfyui/server.ts';
import { type ComfyuiFacts, factsFrom } from '../comfyui/system-stats.ts';
import { CacheError } from '../core/errors.ts';
import { jsonOf } from '../core/json.ts';
import type { Clock } from '../runtime/clock.ts';
import { within } from '../runtime/deadline.ts';
import { InFlight } from '../runtime/in-flight.ts';
import type { Log } from '../runtime/log.ts';

export interface ServersDeps {
  clock: Clock;
  log: Log;
  /** The ComfyUI of the settings; null = none. Ends with `/`. */
  configured: string | null;
  /** The directory of the ComfyUI on this machine; null when none, or more than one, is known. */
  comfyuiDir(): string | null;
  /** The last known facts of a server, over restarts. */
  kept: { get(url: string): string | undefined; set(url: string, facts: string): void };
}

/** ComfyUI's default address. */
const usual = 'http://127.0.0.1:8188/';
/** Maximum delay until a server restarted with another version is noticed, ms. */
const validMs = 3000;
/** Maximum wait for a renewal of known facts, ms: a busy ComfyUI answers late. */
const renewMs = 50;
const statsLimits = { bytes: 2 ** 20, ms: 15_000 };
/** Maximum number of servers remembered in memory. */
const most = 20;

/** A warning, described in docs/PROMPTS.md. */
const inputsElsewhere =
  'the input files of a ComfyUI on another machine are not known here: prompts that read some are run each time, and not kept';
const nowhere: ComfyuiFacts['directories'] = { input: null, output: null, temp: null };

interface Known {
  facts: ComfyuiFacts;
  /** Monotonic ms; null when the facts are from before this start. */
  at: number | null;
}

/** The ComfyUIs that prompts may be sent to: that of the settings, and those of this machine. No request can reach another address. */
export class Servers implements Disposable {
  readonly #deps: ServersDeps;
  readonly #servers = new Map<string, ComfyuiServer>();
  readonly #known = new Map<string, Known>();
  /** Servers on other machines for which the warning was logged. */
  readonly #elsewhere = new Set<string>();
  readonly #asking = new InFlight<string, ComfyuiFacts>();
  readonly #closing = new AbortController();

  constructor(deps: ServersDeps) {
    this.#deps = deps;
  }

  /** @param address as a request names it; null = that of the settings, or ComfyUI's usual one @throws CacheError BAD_REQUEST, FORBIDDEN */
  of(address: string | null): ComfyuiServer {
    const url = address === null ? (this.#deps.configured ?? usual) : this.#allowed(address);
    const server = this.#servers.get(url) ?? new ComfyuiServer(url);
    this.#servers.delete(url);
    this.#servers.set(url, server);
    for (const [name] of [...this.#servers].slice(0, -most)) this.#servers.delete(name);
    return server;
  }

  /** The present facts of a server. @throws CacheError UPSTREAM_AWAY, UPSTREAM_SILENT, BAD_REQUEST when it is no ComfyUI */
  factsNow(server: ComfyuiServer): Promise<ComfyuiFacts> {
    return this.#asking.run(server.url, () => this.#ask(server));
  }

  /**
   * The facts of a server; the last known ones while it does not answer.
   * @throws CacheError UPSTREAM_AWAY, UPSTREAM_SILENT when nothing is known, BAD_REQUEST when it is no ComfyUI
   */
  async facts(server: ComfyuiServer): Promise<ComfyuiFacts> {
    const { clock } = this.#deps;
    const known = this.#known.get(server.url) ?? this.#fromBefore(server.url);
    if (known?.at != null && clock.monotonic() - known.at < validMs) return known.facts;
    const asking = this.factsNow(server);
    if (!known) return asking;
    const renewed = await within(
      asking.catch(() => null),
      renewMs,
      null,
    );
    return renewed ?? known.facts;
  }

  [Symbol.dispose](): void {
    this.#closing.abort();
    for (const server of this.#servers.values()) server[Symbol.dispose]();
  }

  async #ask(server: ComfyuiServer): Promise<ComfyuiFacts> {
    const stats = await server.get('system_stats', statsLimits, this.#closing.signal).catch((error: unknown) => {
      if (error instanceof CacheError) throw error;
      return null;
    });
    const read = factsFrom(stats, this.#deps.comfyuiDir());
    // Another machine's paths mean nothing here.
    const isElsewhere = !isLoopback(new URL(server.url).hostname);
    const facts = read && isElsewhere ? { ...read, directories: nowhere } : read;
    if (!facts)
      throw new CacheError('BAD_REQUEST', `what answers at ${server.url} is no ComfyUI`, {
        hint: 'Look at its address and port.',
      });
    if (isElsewhere) this.#tellElsewhere(server.url);
    const before = this.#known.get(server.url) ?? this.#fromBefore(server.url);
    if (JSON.stringify(before?.facts) !== JSON.stringify(facts)) this.#deps.kept.set(server.url, JSON.stringify(facts));
    this.#known.set(server.url, { facts, at: this.#deps.clock.monotonic() });
    return facts;
  }

  #tellElsewhere(url: string): void {
    if (this.#elsewhere.has(url)) return;
    this.#elsewhere.add(url);
    this.#deps.log.info({ comfyui: url }, inputsElsewhere);
  }

  #fromBefore(url: string): Known | undefined {
    const text = this.#deps.kept.get(url);
    const facts = text === undefined ? undefined : (jsonOf(text) as ComfyuiFacts | undefined);
    if (!facts) return undefined;
    const known = { facts, at: null };
    this.#known.set(url, known);
    return known;
  }

  #allowed(address: string): string {
    const url = URL.parse(address);
    const isServer =
      url !== null && /^https?:$/.test(url.protocol) && url.username + url.password + url.search + url.hash === '';
    if (!isServer)
      throw new CacheError('BAD_REQUEST', 'comfyui: must be an address such as http://127.0.0.1:8188', {
        hint: 'Without credentials and query.',
      });
    const href = url.href.endsWith('/') ? url.href : `${url.href}/`;
    if (href === this.#deps.configured || isLoopback(url.hostname)) return href;
    throw new CacheError('FORBIDDEN', `prompts are not sent to ${url.origin}`, {
      hint: 'Only to a ComfyUI of this machine, and to the one that AUTOCACHE_COMFYUI_URL names.',
    });
  }
}

/** Whether an address is of this machine; a name may mean any machine, except `localhost`. URLs have IPv4 addresses in one form. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'));
}
