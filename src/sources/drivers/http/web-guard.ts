import { type LookupAddress, lookup } from 'node:dns';
import { lookup as lookUp } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { RemoteFailure } from '../remote/remote-failure.ts';
import { type AddressClass, addressClass, literalOf } from './address-classes.ts';

/** Classes of addresses that a redirect may lead to when the remote itself has such an address. */
const allowable: ReadonlySet<AddressClass> = new Set(['private', 'loopback']);

/**
 * Limits the addresses of requests for a remote. Its configured host is the user's choice; redirect targets are not, and must not
 * reach into this machine or its network. Names are checked by the addresses that connections are actually made to.
 */
export class WebGuard {
  readonly #configured: URL;
  readonly #hosts: ReadonlySet<string>;
  #classes: Promise<ReadonlySet<AddressClass>> | null = null;

  /** @param proxy also an allowed address */
  constructor(configured: URL, proxy: string | null) {
    this.#configured = configured;
    this.#hosts = new Set([configured.hostname, ...(proxy === null ? [] : [new URL(proxy).hostname])]);
  }

  /** Checks the address of a request. @param from the address that led to it @throws RemoteFailure */
  async check(url: URL, from: URL | null): Promise<void> {
    if (from?.protocol === 'https:' && url.protocol !== 'https:')
      throw refused(from, 'leads from https to an unprotected address');
    if (url.protocol !== 'https:' && url.protocol !== 'http:')
      throw refused(from ?? url, 'leads to an address that is not of the web');
    if (url.hostname === this.#configured.hostname) return;
    const literal = literalOf(url);
    const local = literal ?? (/(^|\.)localhost$/.test(url.hostname) ? '127.0.0.1' : null);
    if (local !== null) await this.#checkAddress(local);
    const isOpen = url.protocol === 'http:' && (local === null || addressClass(local) === 'public');
    if (isOpen) throw refused(from ?? url, 'leads to an unprotected address');
  }

  /** Resolves names for connections; a name with a forbidden address counts as not found. */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found: LookupAddress[]) => {
      if (error) return callback(error, '');
      this.#checkAll(hostname, found).then(
        () => (options.all ? callback(null, found) : callback(null, found[0]?.address ?? '', found[0]?.family)),
        (failure: Error) => callback(failure, ''),
      );
    });
  };

  async #checkAll(hostname: string, found: LookupAddress[]): Promise<void> {
    if (this.#hosts.has(hostname)) return;
    for (const { address } of found) await this.#checkAddress(address);
  }

  async #checkAddress(address: string): Promise<void> {
    const kind = addressClass(address);
    if (kind === 'public') return;
    this.#classes ??= this.#configuredClasses();
    if (allowable.has(kind) && (await this.#classes).has(kind)) return;
    throw refused(this.#configured, `leads to a ${kind === 'other' ? 'reserved' : kind} address of this network`);
  }

  async #configuredClasses(): Promise<ReadonlySet<AddressClass>> {
    const literal = literalOf(this.#configured);
    if (literal !== null) return new Set([addressClass(literal)]);
    const found = await lookUp(this.#configured.hostname, { all: true }).catch(() => []);
    return new Set(found.map(({ address }) => addressClass(address)));
  }
}

function refused(from: URL, why: string): RemoteFailure {
  return new RemoteFailure('unfit', `${from.origin} ${why}, which is refused`);
}
