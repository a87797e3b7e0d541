import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assertInMemory, assertOwn } from '../../src/media/assert-in-memory.ts';
import { tempTree } from '../sources/temp-tree.ts';

const refused = (message: string) => expect.objectContaining({ code: 'BAD_CONFIG', message: expect.stringContaining(message) });

describe.runIf(process.platform === 'linux')('the directory of the RAM tier', () => {
  it('may lie on a tmpfs or a ramfs, whether it is there or not', () => {
    expect(() => assertInMemory('/dev/shm/not/there')).not.toThrow();
    expect(() => assertInMemory('/x', () => 0x858458f6)).not.toThrow();
  });

  it('may not lie on a disk', () => {
    expect(() => assertInMemory('/x', () => 0xef53)).toThrow(refused('/x does not lie in memory'));
  });

  it('must be its own user’s alone', () => {
    const dir = join(tempTree(), 'ram');
    mkdirSync(dir, { mode: 0o700 });
    expect(() => assertOwn(dir)).not.toThrow();
    expect(() => assertOwn(dir, 12345)).toThrow(refused('belongs to another user'));
    chmodSync(dir, 0o777);
    expect(() => assertOwn(dir)).toThrow(refused('others may write'));
  });
});
