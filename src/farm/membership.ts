import { messageOf } from '../core/errors.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import { Periodic } from '../runtime/periodic.ts';
import { byName, type Directory, type HostFacts } from './directory.ts';

export interface MembershipDeps {
  directory: Pick<Directory, 'beat' | 'hosts' | 'depart'>;
  /** This host's present description of itself. */
  self(): HostFacts;
  /** Called with letters that other hosts have left for this one. */
  onLetters?(letters: readonly string[]): void;
  /** Called once when another daemon announces itself under this host's name. */
  onTwin?(): void;
  events: Events;
  log: Log;
  /** Pause between two beats, ms: a third of the time after which a silent host is forgotten. */
  everyMs?: number;
}

const usualBeatMs = 5000;

/**
 * Announces this host periodically, and knows the others. While the directory is away, the last known hosts stay known: they can still be
 * asked.
 */
export class Membership implements AsyncDisposable {
  readonly #deps: MembershipDeps;
  readonly #beats: Periodic;
  #hosts: HostFacts[] = [];
  #whyLost: string | null = null;
  /** The address under which this host was announced last; undefined = not yet. */
  #announced: string | null | undefined;
  #hasTwin = false;

  constructor(deps: MembershipDeps) {
    this.#deps = deps;
    this.#beats = new Periodic(() => this.#beat(), {
      everyMs: deps.everyMs ?? usualBeatMs,
      onError: (error) => this.#lost(error),
    });
  }

  /** The last known hosts, this one included, by name. */
  get hosts(): readonly HostFacts[] {
    return this.#hosts;
  }

  /** Why the directory does not take the announcement; null while it does. */
  get whyLost(): string | null {
    return this.#whyLost;
  }

  begin(): void {
    void this.#beats.now();
  }

  /** Announces changes at once. Resolves when that is done, or has failed. */
  renew(): Promise<void> {
    return this.#beats.now();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#beats[Symbol.asyncDispose]();
    // Without it, the others forget this host after a while.
    await this.#deps.directory.depart(this.#deps.self().host).catch(() => {});
  }

  async #beat(): Promise<void> {
    const { directory, self, events, log } = this.#deps;
    const own = self();
    const known = await directory.hosts();
    const isNamesake = ({ host, url }: HostFacts) => host === own.host && url !== this.#announced;
    if (this.#announced !== undefined && known.some(isNamesake)) this.#twin(own.host);
    const letters = await directory.beat(own);
    this.#announced = own.url;
    if (letters.length > 0) this.#deps.onLetters?.(letters);
    const hosts = [...known.filter(({ host }) => host !== own.host), own].toSorted(byName);
    if (this.#whyLost !== null) {
      this.#whyLost = null;
      log.info('the directory of the farm answers again');
      events.emit('farm-trouble', { code: 'DIRECTORY_BACK', host: null, path: null, why: null });
    } else {
      for (const { host } of this.#hosts) if (!hosts.some((one) => one.host === host)) this.#gone(host);
    }
    this.#hosts = hosts;
  }

  #twin(host: string): void {
    if (this.#hasTwin) return;
    this.#hasTwin = true;
    const { onTwin, log, events } = this.#deps;
    onTwin?.();
    log.warn(
      { host },
      'another host of the farm has this name, made of a copy of this one: restart both, for names of their own',
    );
    events.emit('farm-trouble', { code: 'SAME_NAME', host, path: null, why: null });
  }

  #gone(host: string): void {
    this.#deps.log.info({ host }, 'a host of the farm is gone');
    this.#deps.events.emit('farm-trouble', { code: 'PEER_LOST', host, path: null, why: null });
  }

  #lost(error: unknown): void {
    const why = messageOf(error);
    const before = this.#whyLost;
    this.#whyLost = why;
    if (before !== null) return;
    this.#deps.log.warn({ why }, 'the directory of the farm does not answer: origins are read without it');
    this.#deps.events.emit('farm-trouble', { code: 'DIRECTORY_LOST', host: null, path: null, why });
  }
}
