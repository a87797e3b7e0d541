import { createHash, randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { SignInView } from '../api/dashboard.ts';
import type { SignIn } from '../catalog/sign-ins.ts';
import { isSame } from '../runtime/mutual-proof.ts';
import type { Services } from './services.ts';

/** Idle time after which a browser is signed out, ms. */
const keptMs = 30 * 24 * 3600_000;
/** Precision of the time of the last use, ms. */
const noteEveryMs = 3600_000;
const most = 50;
const longestName = 200;

/** Header with the page's key, which no page of another origin can send. */
const keyHeader = 'x-autocached-key';

/**
 * Browsers that are signed in to the dashboard, also over restarts. Each has two secrets, and needs both: a cookie, which browsers
 * also send to other ports of this machine, and a key, which only pages of this very origin can read and send (`docs/TRUST.md`).
 */
export class SignIns {
  readonly #services: Pick<Services, 'catalog' | 'clock' | 'log'>;
  readonly #all: Map<number, SignIn>;
  #nextId: number;

  constructor(services: Pick<Services, 'catalog' | 'clock' | 'log'>) {
    this.#services = services;
    this.#all = new Map(services.catalog.signIns.all().map((one) => [one.id, one]));
    this.#nextId = Math.max(0, ...this.#all.keys()) + 1;
  }

  /** Signs a browser in. @returns its two secrets */
  begin(browser: string): { cookie: string; key: string } {
    const [cookie, key] = [newSecret(), newSecret()];
    const now = this.#services.clock.now();
    const hashes = { cookieHash: hashOf(cookie), keyHash: hashOf(key) };
    const one = { id: this.#nextId++, ...hashes, browser: browser.slice(0, longestName), createdAt: now, usedAt: now };
    this.#all.set(one.id, one);
    this.#save(one);
    const [oldest] = [...this.#all.values()].sort((a, b) => a.usedAt - b.usedAt);
    if (this.#all.size > most && oldest) this.end(oldest.id);
    return { cookie, key };
  }

  /** The sign-in of the browser that sent this; null when it is not signed in. */
  of({ headers }: Pick<FastifyRequest, 'headers'>): SignIn | null {
    const key = headers[keyHeader];
    if (typeof key !== 'string' || headers.cookie === undefined) return null;
    const cookie = cookieOf(headers.cookie, cookieName(headers.host));
    if (cookie === null) return null;
    const [cookieHash, keyHash] = [hashOf(cookie), hashOf(key)];
    const found = [...this.#all.values()].find((one) => isSame(one.cookieHash, cookieHash) && isSame(one.keyHash, keyHash));
    return found && this.#isFresh(found) ? found : null;
  }

  /** @param current the browser that sent the request */
  list(current: SignIn | null): SignInView[] {
    const fresh = [...this.#all.values()].filter((one) => this.#isFresh(one)).sort((a, b) => b.usedAt - a.usedAt);
    return fresh.map(({ id, browser, createdAt, usedAt }) => {
      const times = { createdAt: new Date(createdAt).toISOString(), usedAt: new Date(usedAt).toISOString() };
      return { id, browser, ...times, current: id === current?.id };
    });
  }

  /** Signs a browser out. @returns false when there is none of that number */
  end(id: number): boolean {
    const known = this.#all.delete(id);
    if (known) this.#write(() => this.#services.catalog.signIns.forget(id));
    return known;
  }

  /** @returns the number of browsers that were signed in */
  endAll(): number {
    const ids = [...this.#all.keys()];
    for (const id of ids) this.end(id);
    return ids.length;
  }

  #isFresh(one: SignIn): boolean {
    const now = this.#services.clock.now();
    if (now - one.usedAt > keptMs) {
      this.end(one.id);
      return false;
    }
    if (now - one.usedAt > noteEveryMs) {
      one.usedAt = now;
      this.#save(one);
    }
    return true;
  }

  #save(one: SignIn): void {
    this.#write(() => this.#services.catalog.signIns.save(one));
  }

  /** Writes in the background: the state in memory counts. */
  #write(work: () => void): void {
    const { catalog, log } = this.#services;
    catalog
      .write(work)
      .catch((err: unknown) => log.warn({ err }, 'a sign-in to the dashboard lasts until the next restart only'));
  }
}

/** Includes the port, since daemons at several ports of a machine share its cookies. */
export function cookieName(host: string | undefined): string {
  return `autocached-${/:(\d+)$/.exec(host ?? '')?.[1] ?? '80'}`;
}

function cookieOf(header: string, name: string): string | null {
  const pair = header.split(';').find((part) => part.trim().startsWith(`${name}=`));
  return pair === undefined ? null : pair.trim().slice(name.length + 1);
}

function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
