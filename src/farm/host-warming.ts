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
  /** Has this host copy files, and waits for them; with `check` it only looks. */
  warm(names: string[], check: boolean): Promise<WarmAnswer>;
  /** Others are waited for so long at most, ms. */
  waitMaxMs(): number;
  log: Log;
  /** Times, ms; for tests. */
  times?: { silence: number; look: number };
}

/** A file that several hosts are to have. */
export interface WantedFile {
  /** `category/name`: what it is called on every host. */
  name: string;
  /** Of its source here; null = it has none. */
  path: string | null;
}

export interface WarmHostsOptions {
  /** So many hosts are to have each file, this one among them. */
  hosts: number | 'all';
  check?: boolean | undefined;
  /** Left out = they are only asked. */
  wait?: boolean | undefined;
}

/** A host looks for letters every five seconds; one that says nothing for so long does not know of them, ms. */
const usualTimes = { silence: 20_000, look: 1000 };
/** Files of one request: a letter lies in the memory of the Redis. */
const mostFiles = 1000;
/** Of an answer, while the Redis does not take it. */
const tries = 10;
/** Errands of others that this host has taken and not ended. */
const mostErrands = 32;
/** Errands that are remembered, so that a letter that is left twice is followed once. */
const mostRemembered = 1000;

/** Has other hosts of the farm copy models from it, and does it for them. */
export class HostWarming {
  readonly #parts: HostWarmingParts;
  readonly #seal: LetterSeal;
  readonly #times: typeof usualTimes;
  /** Errands that others have: id -> what is known of it. */
  readonly #asked = new Map<string, WarmHost>();
  readonly #known = new Set<string>();
  #errands = 0;

  constructor(parts: HostWarmingParts) {
    this.#parts = parts;
    this.#seal = new LetterSeal(parts.key, parts.host);
    this.#times = parts.times ?? usualTimes;
  }

  /**
   * Asks others for what is lacking: for each file those first that have it, then in the order by which all turn to hosts for it.
   * @returns what each of them has done, by its name
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
      // A look is short, and says nothing before it has ended.
      if (check) await this.#untilEnded(errands, 2 * this.#times.silence);
      else if (wait) await this.#untilEnded(errands, this.#parts.waitMaxMs());
      return errands.map(({ told }) => told).toSorted((a, b) => (a.host < b.host ? -1 : 1));
    } finally {
      for (const { id } of errands) this.#asked.delete(id);
    }
  }

  /** Takes what other hosts have left for this one. */
  received(letters: readonly string[]): void {
    for (const sealed of letters) {
      const letter = this.#seal.open(sealed);
      if (letter === null) this.#parts.log.warn('a letter in the Redis of the farm is of none of its hosts: it is left');
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

  /** Never rejects: who asked is told, or hears nothing. */
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

  /** A Redis that is late once does not leave the asker without an answer. */
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
