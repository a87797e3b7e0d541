import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WarmAnswer, WarmHost, WarmItem } from '../api/api.ts';
import { CacheError, messageOf } from '../core/errors.ts';
import type { Log } from '../runtime/log.ts';
import type { Directory, HostFacts } from './directory.ts';
import { type Letter, LetterSeal } from './letters.ts';
import { rendezvous } from './rendezvous.ts';

export interface HostWarmingParts {
  /** The farm's secret, and this host's name. */
  key: Buffer;
  host: string;
  directory: Pick<Directory, 'send'>;
  members: {
    readonly hosts: readonly Pick<HostFacts, 'host' | 'weight'>[];
    /** Fetches letters now. */
    renew(): Promise<void>;
  };
  /** Hosts that have all of a source's content, as far as that is known. */
  holdersOf(path: string): Promise<string[]>;
  /** Copies files on this host, and waits for them; with `check` it only looks. */
  warm(names: string[], check: boolean): Promise<WarmAnswer>;
  /** Maximum wait for other hosts, ms. */
  waitMaxMs(): number;
  log: Log;
  /** Times, ms; for tests. */
  times?: { silence: number; look: number };
}

/** A file that several hosts should have. */
export interface WantedFile {
  /** `category/name`: its name on every host. */
  name: string;
  /** Path of its source on this host; null = it has none. */
  path: string | null;
}

export interface WarmHostsOptions {
  /** Number of hosts that should have each file, this one included. */
  hosts: number | 'all';
  check?: boolean | undefined;
  /** Left out = the hosts are asked, and not waited for. */
  wait?: boolean | undefined;
}

/** Time after which a silent host counts as unaware of its letters, which it fetches every five seconds; and the interval of looks, ms. */
const usualTimes = { silence: 20_000, look: 1000 };
/** Maximum number of files in one request: a letter takes memory of the Redis. */
const mostFiles = 1000;
/** Tries to leave an answer while the Redis does not take it. */
const tries = 10;
/** Maximum number of errands for others that are under way on this host. */
const mostErrands = 32;
/** Maximum number of remembered errands: a letter that is left twice is followed once. */
const mostRemembered = 1000;

/** Asks other hosts of the farm to copy models, and copies models for them. */
export class HostWarming {
  readonly #parts: HostWarmingParts;
  readonly #seal: LetterSeal;
  readonly #times: typeof usualTimes;
  /** Errands given to others: id -> their known state. */
  readonly #asked = new Map<string, WarmHost>();
  readonly #known = new Set<string>();
  #errands = 0;

  constructor(parts: HostWarmingParts) {
    this.#parts = parts;
    this.#seal = new LetterSeal(parts.key, parts.host);
    this.#times = parts.times ?? usualTimes;
  }

  /**
   * Asks other hosts for missing copies: for each file first the hosts that have its content, then in the order that all hosts agree on.
   * @returns the progress of each of them, by host name
   * @throws CacheError BAD_REQUEST for too many files
   */
  async ask(files: readonly WantedFile[], { hosts, check = false, wait = false }: WarmHostsOptions) {
    if (files.length > mostFiles) {
      throw new CacheError('BAD_REQUEST', `other hosts are asked for at most ${mostFiles} files at once`);
    }
    const errands = await Promise.all(
      [...(await this.#namesByHost(files, hosts))].map(([host, names]) => this.#send(host, names, check)),
    );
    try {
      // A look is short, and reports nothing before its end.
      if (check) await this.#untilEnded(errands, 2 * this.#times.silence);
      else if (wait) await this.#untilEnded(errands, this.#parts.waitMaxMs());
      return errands.map(({ told }) => told).toSorted((a, b) => (a.host < b.host ? -1 : 1));
    } finally {
      for (const { id } of errands) this.#asked.delete(id);
    }
  }

  /** Takes letters that other hosts have left for this one. */
  received(letters: readonly string[]): void {
    for (const sealed of letters) {
      const letter = this.#seal.open(sealed);
      if (letter === null)
        this.#parts.log.warn('a letter in the Redis of the farm was not written by one of its hosts, and is ignored');
      else if (letter.is === 'warm') void this.#follow(letter);
      else this.#note(letter);
    }
  }

  async #namesByHost(files: readonly WantedFile[], hosts: number | 'all'): Promise<Map<string, string[]>> {
    const { members, host, holdersOf } = this.#parts;
    const others = members.hosts.filter((one) => one.host !== host);
    const asked = new Map<string, string[]>();
    for (const { name, path } of files) {
      const holders = path === null ? [] : await holdersOf(path);
      const order = rendezvous(
        name,
        others.map((one) => ({ id: one.host, weight: Math.max(1, one.weight) })),
      );
      const sorted = [...order.filter((one) => holders.includes(one)), ...order.filter((one) => !holders.includes(one))];
      for (const one of hosts === 'all' ? sorted : sorted.slice(0, hosts - 1)) {
        asked.set(one, [...(asked.get(one) ?? []), name]);
      }
    }
    return asked;
  }

  async #send(to: string, names: string[], check: boolean): Promise<{ id: string; told: WarmHost }> {
    const { host: from, directory } = this.#parts;
    const id = randomUUID();
    const items = names.map((item) => ({ item, ready: false, reason: null, message: null }));
    const told: WarmHost = { host: to, state: 'asked', items };
    this.#asked.set(id, told);
    const letter = this.#seal.seal({ is: 'warm', id, from, to, names, check });
    await directory.send(to, letter).catch(() => {
      told.state = 'silent';
    });
    return { id, told };
  }

  async #untilEnded(errands: readonly { told: WarmHost }[], waitMs: number): Promise<void> {
    const { members } = this.#parts;
    const began = performance.now();
    for (;;) {
      await members.renew();
      const waited = performance.now() - began;
      for (const { told } of errands) {
        const isHere = members.hosts.some(({ host }) => host === told.host);
        if (told.state === 'asked' && waited > this.#times.silence) told.state = 'silent';
        if (told.state === 'copying' && !isHere) told.state = 'silent';
      }
      if (errands.every(({ told }) => told.state === 'done' || told.state === 'silent')) return;
      if (waited > waitMs) return;
      await sleep(this.#times.look, undefined, { ref: false });
    }
  }

  #note(letter: Exclude<Letter, { is: 'warm' }>): void {
    const told = this.#asked.get(letter.id);
    if (told?.host !== letter.from) return;
    if (letter.is === 'taken') {
      if (told.state !== 'done') told.state = 'copying';
    } else if (letter.is === 'warmed') {
      told.state = 'done';
      told.items = letter.items;
    }
  }

  /** Never rejects: the asker gets an answer, or none. */
  async #follow({ id, from: to, names, check }: Letter & { is: 'warm' }): Promise<void> {
    const { host: from, warm, log } = this.#parts;
    if (this.#known.has(id) || this.#errands >= mostErrands || names.length > mostFiles) return;
    this.#remember(id);
    this.#errands++;
    try {
      if (!check) {
        log.info({ host: to, files: names.length }, 'another host of the farm has this one copy files');
        await this.#answer({ is: 'taken', id, from, to });
      }
      const { items } = await warm(names, check);
      await this.#answer({ is: 'warmed', id, from, to, items: items.map(told) });
    } catch (error) {
      log.warn({ host: to, why: messageOf(error) }, 'an errand for another host of the farm failed');
    } finally {
      this.#errands--;
    }
  }

  /** Retries, so that the asker gets its answer even if Redis is late once. */
  async #answer(letter: Letter): Promise<void> {
    for (let left = tries; ; left--) {
      try {
        return await this.#parts.directory.send(letter.to, this.#seal.seal(letter));
      } catch (error) {
        if (left <= 1) throw error;
        await sleep(this.#times.look, undefined, { ref: false });
      }
    }
  }

  #remember(id: string): void {
    this.#known.add(id);
    const [oldest] = this.#known;
    if (this.#known.size > mostRemembered && oldest !== undefined) this.#known.delete(oldest);
  }
}

function told({ item, ready, reason, message, why }: WarmItem): WarmHost['items'][number] {
  return { item, ready, reason, message: ready ? null : (message ?? why) };
}
