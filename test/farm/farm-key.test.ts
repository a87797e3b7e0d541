import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { codeOf, connectionKey, keyOf, makeFarmKey, readFarmKey, storeFarmKey } from '../../src/farm/farm-key.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const fileOf = () => join(tempDir(), 'farm.key');

describe('the secret of a farm', () => {
  test('is a file of 32 bytes that only its user can read', () => {
    const file = fileOf();
    const key = makeFarmKey(file);
    expect(readFarmKey(file).equals(key)).toBe(true);
    expect(statSync(file).size).toBe(32);
    if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('comes to another host by a code', () => {
    const key = makeFarmKey(fileOf());
    const other = fileOf();
    storeFarmKey(other, keyOf(`  ${codeOf(key).toUpperCase()}\n`));
    expect(readFarmKey(other).equals(key)).toBe(true);
  });

  test('is not overwritten: the host would fall out of its farm', () => {
    const file = fileOf();
    const key = makeFarmKey(file);
    expect(() => makeFarmKey(file)).toThrow('this host is in a farm');
    expect(readFarmKey(file).equals(key)).toBe(true);
  });

  test('a code with a mistake in it is refused, and not repeated', () => {
    const code = codeOf(makeFarmKey(fileOf()));
    const wrong = [
      code.slice(0, -1),
      `${code}0`,
      code.replace(/.(?=.{9}$)/, (digit) => (digit === '0' ? '1' : '0')),
      '',
      'acfarm1-',
    ];
    for (const one of wrong) {
      expect(() => keyOf(one)).toThrow('no code of a farm');
      expect(() => keyOf(one)).not.toThrow(one.slice(10) || 'acfarm');
    }
  });

  test.runIf(process.platform !== 'win32')('a file that others can read is refused', () => {
    const file = fileOf();
    makeFarmKey(file);
    chmodSync(file, 0o640);
    expect(() => readFarmKey(file)).toThrow(file);
  });

  test('a file that is none, or none at all, says what to do', () => {
    const file = fileOf();
    expect(() => readFarmKey(file)).toThrow('does not exist');
    writeFileSync(file, 'short', { mode: 0o600 });
    expect(() => readFarmKey(file)).toThrow('does not hold 32 bytes');
    expect(existsSync(file)).toBe(true);
  });

  test('is not itself what connections are made with', () => {
    const key = Buffer.alloc(32, 7);
    expect(connectionKey(key)).toHaveLength(32);
    expect(connectionKey(key).equals(key)).toBe(false);
  });
});
