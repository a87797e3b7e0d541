import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { errnoOf, meaningOf } from '../../src/runtime/errnos.ts';
import { systemError } from '../helpers/faulty-fs.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** As Node throws what libuv has no name for. */
function unnamed(errno: number): Error {
  return Object.assign(new Error(`Unknown system error -${errno}`), { code: `Unknown system error -${errno}`, errno: -errno });
}

describe('what an error means', () => {
  test.each([
    ['ENOENT', 'missing'],
    ['ENOTDIR', 'missing'],
    ['ESTALE', 'away'],
    ['ENODEV', 'away'],
    ['ENOMEDIUM', 'away'],
    ['ENOTCONN', 'away'],
    ['ETIMEDOUT', 'away'],
    ['EHOSTDOWN', 'away'],
    ['EHOSTUNREACH', 'away'],
    ['ENETDOWN', 'away'],
    ['ENETUNREACH', 'away'],
    ['ECONNREFUSED', 'away'],
    ['ECONNABORTED', 'away'],
    // Windows: the session of a share was ended by its server; a network path that is not found.
    ['ECONNRESET', 'away'],
    ['UNKNOWN', 'away'],
    ['EACCES', 'denied'],
    ['EPERM', 'denied'],
    ['EIO', 'io'],
    ['EREMOTEIO', 'io'],
    ['ENOSPC', 'full'],
    ['EDQUOT', 'full'],
    ['EROFS', 'read-only'],
    // Windows: a sharing violation.
    ['EBUSY', 'in-use'],
    ['ENAMETOOLONG', 'bad-name'],
    ['ELOOP', 'bad-name'],
    ['EXDEV', 'unsupported'],
    ['EMLINK', 'unsupported'],
    ['EMFILE', null],
    ['ENOTEMPTY', null],
  ])('%s: %s', (errno, meaning) => {
    expect(meaningOf(systemError(errno))).toBe(meaning);
    expect(meaningOf(errno)).toBe(meaning);
  });

  test('of a real error', () => {
    expect(() => readFileSync(join(tempDir(), 'none'))).toThrow(expect.toSatisfy((error) => meaningOf(error) === 'missing'));
  });

  test.each([[new Error('no')], [undefined], ['no'], [{ code: 'ENOENT' }]])('of anything else: nothing (%s)', (thrown) => {
    expect(meaningOf(thrown)).toBeNull();
  });
});

describe.runIf(process.platform === 'linux')('what Node has no name for', () => {
  test.each([
    [116, 'ESTALE', 'away'],
    [122, 'EDQUOT', 'full'],
    [123, 'ENOMEDIUM', 'away'],
    [117, 'EUCLEAN', 'io'],
    [127, 'EKEYEXPIRED', 'away'],
    [4095, 'Unknown system error -4095', null],
  ])('%d: %s', (errno, name, meaning) => {
    expect(errnoOf(unnamed(errno))).toBe(name);
    expect(meaningOf(unnamed(errno))).toBe(meaning);
  });
});
