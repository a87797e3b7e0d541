import { createHmac, createSecretKey, hash, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';

/** Known to both sides of a connection after they exchanged their nonces. */
export interface Exchange {
  /** The shared secret. It never crosses the wire. */
  token: string;
  /**
   * Host and port that the client dialled, in lower case. As every proof contains them, a stranger at another address cannot pass a
   * client's messages on to the daemon: it answers only to its own addresses.
   */
  host: string;
  clientNonce: string;
  daemonNonce: string;
}

/** The scheme in the `Authorization` header of a request that proves the token without showing it. */
export const scheme = 'Autocached';

/** The header of an answer that proves that the daemon wrote it. */
export const answerHeader = 'autocached-proof';

export const emptyDigest = digestOf('');

export const noncePattern = /^[0-9a-f]{64}$/;

export function newNonce(): string {
  return randomBytes(32).toString('hex');
}

export function isNonce(text: string): boolean {
  return noncePattern.test(text);
}

/** The daemon's proof that it knows the token, given when the client has sent only its nonce. */
export function daemonProof(exchange: Exchange): string {
  return mac(keyOf(exchange.token), ['daemon', exchange.host, exchange.clientNonce, exchange.daemonNonce]);
}

/** SHA-256 of a body, in hexadecimal. */
export function digestOf(body: string): string {
  return hash('sha256', body);
}

/** Compares in constant time. */
export function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * One connection after the exchange. Each side proves each of its messages with a key for this connection only: a message overheard
 * on one proves nothing on another. The number of the request keeps the messages in order.
 */
export class ProvenSession {
  readonly #key: KeyObject;
  #requests = 0;

  constructor({ token, host, clientNonce, daemonNonce }: Exchange) {
    this.#key = keyOf(Buffer.from(mac(keyOf(token), ['session', host, clientNonce, daemonNonce]), 'hex'));
  }

  /** The number of the next request. */
  next(): number {
    return ++this.#requests;
  }

  requestProof(number: number, method: string, url: string, bodyDigest: string): string {
    return mac(this.#key, ['request', String(number), method, url, bodyDigest]);
  }

  /** The proof of a whole answer, or of the head of a stream. */
  answerProof(number: number, status: number, body: string | { stream: true }): string {
    const [kind, text] = typeof body === 'string' ? ['whole', body] : ['stream', ''];
    return mac(this.#key, ['answer', String(number), String(status), kind, text]);
  }
}

/** The first word names the kind of proof, so that no message of one side can be returned to it as the other's. */
function mac(key: KeyObject, words: readonly string[]): string {
  return createHmac('sha256', key).update(words.join('\n')).digest('hex');
}

/** The key object, made once: making it from bytes for each MAC takes six times as long as the MAC. */
function keyOf(secret: string | Buffer): KeyObject {
  return createSecretKey(typeof secret === 'string' ? Buffer.from(secret) : secret);
}
