import { createHmac, timingSafeEqual } from 'node:crypto';
import type { WarmHostItem } from '../api/api.ts';
import { wordsKey } from './farm-key.ts';

/** A request of one host to another, or an answer. Letters of one errand have one id. */
export type Letter = { id: string; from: string; to: string } & (
  | { is: 'warm'; names: string[]; check: boolean }
  /** The errand is under way. */
  | { is: 'taken' }
  | { is: 'warmed'; items: WarmHostItem[] }
);

/** Hexadecimal digits of a proof. */
const proofLength = 64;

/** Proves that a host of the farm wrote a letter: the Redis may hold texts of any writer. */
export class LetterSeal {
  readonly #secret: Buffer;
  readonly #host: string;

  /** @param key the farm's  @param host this one's name */
  constructor(key: Buffer, host: string) {
    this.#secret = wordsKey(key);
    this.#host = host;
  }

  seal(letter: Letter): string {
    const text = JSON.stringify(letter);
    return this.#proofOf(text) + text;
  }

  /** @returns null for a text that no host of the farm has written, and for a letter to another host */
  open(sealed: string): Letter | null {
    const text = sealed.slice(proofLength);
    const proof = Buffer.from(sealed.slice(0, proofLength));
    const own = Buffer.from(this.#proofOf(text));
    if (proof.length !== own.length || !timingSafeEqual(proof, own)) return null;
    const letter = JSON.parse(text) as Letter;
    return letter.to === this.#host ? letter : null;
  }

  #proofOf(text: string): string {
    return createHmac('sha256', this.#secret).update('letter\n').update(text).digest('hex');
  }
}
