import { hash } from 'node:crypto';
import { canonical } from './canonical.ts';
import { parseExact } from './json-text.ts';

/** A key, or the name of a blob: SHA-256 in hexadecimal. */
export const sha256Form = /^[0-9a-f]{64}$/;

/**
 * The key of a computation: everything that can change its result is in it.
 * @param parts a JSON text
 * @throws CacheError BAD_REQUEST
 */
export function keyOf(ns: string, version: string, parts: string): string {
  return hash('sha256', `autocached-memo-1\0${ns}\0${version}\0${canonical(parseExact(parts))}`);
}
