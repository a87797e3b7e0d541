import { createHash, hkdfSync, randomBytes } from 'node:crypto';
import { CacheError, sentenceOf } from '../core/errors.ts';
import { meaningOf } from '../runtime/errnos.ts';
import { readPrivateBytes, writePrivately } from '../runtime/private-file.ts';

/** Bytes of the secret that the hosts of a farm share. */
const keyBytes = 32;
/** Marks the code that a user pastes, and distinguishes later forms. */
const codePrefix = 'acfarm1-';
/** Hexadecimal digits at the end of a code, which reveal a mistake in it. */
const checkDigits = 8;

/** Makes a secret and keeps it in a file that only this user can read. @throws CacheError CONFLICT when there is one */
export function makeFarmKey(file: string): Buffer {
  const key = randomBytes(keyBytes);
  storeFarmKey(file, key);
  return key;
}

/** @throws CacheError CONFLICT when the file exists */
export function storeFarmKey(file: string, key: Buffer): void {
  try {
    readPrivateBytes(file, 'secret');
  } catch (error) {
    if (meaningOf(error) !== 'missing') throw error;
    writePrivately(file, key);
    return;
  }
  throw new CacheError('CONFLICT', `${file} exists: this host is in a farm`, { hint: 'autocached farm leave takes it out.' });
}

/** @throws CacheError BAD_CONFIG when there is none, or it is none */
export function readFarmKey(file: string): Buffer {
  try {
    const key = readPrivateBytes(file, 'secret');
    if (key.length === keyBytes) return key;
  } catch (error) {
    throw unusable(meaningOf(error) === 'missing' ? `${file} does not exist` : sentenceOf(error), error);
  }
  throw unusable(`${file} does not hold ${keyBytes} bytes`);
}

/** The text by which another host joins. It admits every host that has it. */
export function codeOf(key: Buffer): string {
  return `${codePrefix}${key.toString('hex')}${checkOf(key)}`;
}

/** @throws CacheError BAD_REQUEST, without the code */
export function keyOf(code: string): Buffer {
  const [, hex = '', check = ''] = /^acfarm1-([\da-f]{64})([\da-f]{8})$/.exec(code.trim().toLowerCase()) ?? [];
  const key = Buffer.from(hex, 'hex');
  if (key.length === keyBytes && checkOf(key) === check) return key;
  throw new CacheError('BAD_REQUEST', 'this is no code of a farm, or it was not copied whole', {
    hint: 'autocached farm init prints it on the first host.',
  });
}

/** The secret of the connections between hosts. A leak of it reveals nothing about the farm's own. */
export function connectionKey(key: Buffer): Buffer {
  return derived(key, 'autocached farm connections 1');
}

/** The secret that proves the author of letters in Redis: programs outside the farm may be able to write there too. */
export function wordsKey(key: Buffer): Buffer {
  return derived(key, 'autocached farm words 1');
}

function derived(key: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), purpose, keyBytes));
}

function checkOf(key: Buffer): string {
  return createHash('sha256').update(codePrefix).update(key).digest('hex').slice(0, checkDigits);
}

function unusable(why: string, cause?: unknown): CacheError {
  return new CacheError('BAD_CONFIG', `AUTOCACHE_FARM_KEY: ${why}`, {
    hint: 'autocached farm init makes one, autocached farm join CODE stores that of a farm.',
    cause,
  });
}
