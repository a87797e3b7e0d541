import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { CacheError } from '../../src/core/errors.ts';
import { createMemo, ResultFile } from '../../src/index.ts';
import { BlobExchange } from '../../src/memo/blob-exchange.ts';
import { soon } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { createRig, sharedRig } from './node-client-rig.ts';

describe('a result', () => {
  test.each([
    ['a string', 'text'],
    ['a number', 0.1],
    ['false', false],
    ['null', null],
    ['JSON', { list: [1, { deep: 'ü\u2028' }], empty: {} }],
    ['bytes', Buffer.from([0, 255, 1])],
    ['no bytes', Buffer.alloc(0)],
    ['JSON with bytes in it', { image: Buffer.from('png'), list: [Buffer.from('a')] }],
    ['a text of 2 MiB', 'é'.repeat(2 ** 20)],
    ['a name that prototypes have', { constructor: 2, toString: [], hasOwnProperty: null }],
  ])('%s is found again as it was, by another client too', async (_what, value) => {
    const { memo, open } = await sharedRig();
    const compute = vi.fn(async () => value);
    expect(await memo.getOrCompute(['key', 7], compute)).toEqual(value);
    expect(await memo.getOrCompute(['key', 7], compute)).toEqual(value);
    expect(await open().getOrCompute(['key', 7], compute)).toEqual(value);
    expect(compute).toHaveBeenCalledOnce();
  });

  test('a file is found as a file, alone and within JSON', async () => {
    const { memo } = await sharedRig();
    const path = join(tempDir(), 'image.png');
    writeFileSync(path, 'png');
    const compute = vi.fn(async () => ({ of: 'it', file: new ResultFile(path, { contentType: 'image/png' }) }));
    await memo.getOrCompute('in JSON', compute);
    const { file } = await memo.getOrCompute('in JSON', compute);
    expect(compute).toHaveBeenCalledOnce();
    expect(file).toMatchObject({ name: 'image.png', contentType: 'image/png' });
    expect(file.path).not.toBe(path);
    expect(await readFile(file.path, 'utf8')).toBe('png');
    await memo.getOrCompute('alone', () => new ResultFile(path));
    const alone = await memo.getOrCompute('alone', () => Promise.reject(new Error('it is computed again')));
    expect(await readFile((alone as ResultFile).path, 'utf8')).toBe('png');
  });

  test('a program that cannot open the files of the daemon gets bytes over the connection', async () => {
    const { memo, daemon, open } = await createRig();
    const bytes = Buffer.alloc(300_000, 'picture');
    await memo.getOrCompute('bytes', () => ({ bytes, none: Buffer.alloc(0) }));
    // Nothing is believed below these.
    writeFileSync(join(daemon.stateDir, 'directories.json'), JSON.stringify({ directories: [] }));
    const found = await open().getOrCompute('bytes', () => Promise.reject(new Error('it is computed again')));
    expect(found).toEqual({ bytes, none: Buffer.alloc(0) });
  });

  describe('that is large', () => {
    const large = Buffer.alloc(1_500_000, 'picture');
    const path = () => {
      const made = join(tempDir(), 'large');
      writeFileSync(made, large);
      return made;
    };
    /** How the daemon gets bytes. */
    const ways = () => {
      const [taken, sent] = [vi.spyOn(BlobExchange.prototype, 'take'), vi.spyOn(BlobExchange.prototype, 'store')];
      onTestFinished(() => [taken, sent].forEach((way) => void way.mockRestore()));
      return { taken, sent };
    };

    test.each([
      ['bytes', () => large, 1],
      ['a file', () => new ResultFile(path()), 1],
      ['a text', () => 'x'.repeat(1_500_000), 1],
      ['JSON with bytes and a file', () => ({ large, twice: large, file: new ResultFile(path()) }), 2],
    ])('%s goes to a daemon of this machine in a file', async (_what, make, files) => {
      const { taken, sent } = ways();
      const { memo, open, stats } = await createRig();
      const made = await memo.getOrCompute<unknown>('large', make);
      const found = await open().getOrCompute('large', () => Promise.reject(new Error('it is computed again')));
      if (made instanceof ResultFile) expect(await readFile((found as ResultFile).path)).toEqual(large);
      else if (typeof made === 'string' || Buffer.isBuffer(made)) expect(found).toEqual(made);
      else expect(found).toMatchObject({ large, twice: large });
      expect(taken).toHaveBeenCalledTimes(files);
      expect(sent).not.toHaveBeenCalled();
      expect(await stats()).toMatchObject({ blobs: 1, reserved: 0 });
    });

    test('is sent when the program cannot see the file, and nothing of that is left', async () => {
      const { taken, sent } = ways();
      const { memo, daemon, stats } = await createRig();
      writeFileSync(join(daemon.stateDir, 'directories.json'), JSON.stringify({ directories: [] }));
      await memo.getOrCompute('large', () => large);
      expect([taken.mock.calls.length, sent.mock.calls.length]).toEqual([0, 1]);
      expect(await stats()).toMatchObject({ current_items: 1, blobs: 1, reserved: 0 });
    });

    test('is sent when the file was refused', async () => {
      const { taken, sent } = ways();
      taken.mockRejectedValueOnce(new CacheError('CONFLICT', 'the file was written to'));
      const { memo, stats } = await createRig();
      await memo.getOrCompute('large', () => ({ large }));
      expect([taken.mock.calls.length, sent.mock.calls.length]).toEqual([1, 1]);
      expect(await stats()).toMatchObject({ current_items: 1, blobs: 1, reserved: 0 });
    });

    test('and missing is returned all the same', async () => {
      const { memo } = await createRig();
      const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
      onTestFinished(() => warned.mockRestore());
      const gone = new ResultFile(join(tempDir(), 'gone'));
      expect(await memo.getOrCompute('gone', () => gone)).toBe(gone);
      expect(warned).toHaveBeenCalledOnce();
    });
  });

  test.each([
    ['undefined', undefined],
    ['a Date', { at: new Date(0) }],
    ['NaN', [Number.NaN]],
    ['a function', { f: () => 1 }],
  ])('%s cannot be read back as it was, so it is returned and not kept', async (_what, value) => {
    const { memo } = await sharedRig();
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    onTestFinished(() => warned.mockRestore());
    const compute = vi.fn(async () => value);
    expect(await memo.getOrCompute('key', compute)).toBe(value);
    expect(await memo.getOrCompute('key', compute)).toBe(value);
    expect(compute).toHaveBeenCalledTimes(2);
    expect(warned).toHaveBeenCalledOnce();
  });
});

describe('a key', () => {
  test('equal calls have one key, and others have others', async () => {
    const { memo } = await sharedRig();
    const compute = vi.fn((...args: unknown[]) => args.length);
    const f = memo.memoize(compute, { name: 'f' });
    await f({ a: 1, b: [2] }, undefined);
    await f({ b: [2], a: 1 });
    expect(compute).toHaveBeenCalledOnce();
    for (const args of [[{ a: 1, b: 2 }], ['1'], [1], [18446744073709551615n], [18446744073709551614n], [null], []])
      await f(...args);
    expect(compute).toHaveBeenCalledTimes(8);
  });

  class Model {}
  test.each([
    ['a function', [() => 1], 'the key[1] is a function'],
    ['a Buffer', [Buffer.from('a')], 'the key[1] is a Buffer'],
    ['NaN in an object', [{ a: [Number.NaN] }], 'the key[1].a[0] is NaN'],
    ['a class instance', [{ model: new Model() }], 'the key[1].model is a Model'],
    ['a Map', [new Map()], 'the key[1] is a Map'],
    ['undefined before another', [undefined, 1], 'the key[1] is undefined'],
    ['a hole', [new Array(1)], 'the key[1][0] is undefined'],
  ])('%s is refused, for it would be left out', async (_what, args, said) => {
    const memo = createMemo({ namespace: 'n', stateDir: tempDir() });
    const compute = vi.fn();
    await expect(memo.memoize(compute, { name: 'f' })(...args)).rejects.toThrow(new RegExp(said.replace(/[[\]]/g, '\\$&')));
    expect(compute).not.toHaveBeenCalled();
  });

  test('a circle is refused', async () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    const memo = createMemo({ namespace: 'n', stateDir: tempDir() });
    await expect(memo.getOrCompute(circle, () => 1)).rejects.toThrow('has more than 200 levels');
  });

  test('a key function says what the arguments stand for', async () => {
    const { memo } = await sharedRig();
    const path = join(tempDir(), 'input');
    writeFileSync(path, 'a');
    const compute = vi.fn((image: Buffer, file: string, log: () => void) => `${image} ${file} ${typeof log}`);
    const f = memo.memoize(compute, { key: (image, file) => ['f', memo.bytes(image), memo.file(file)] });
    await f(Buffer.from('png'), path, () => {});
    await f(Buffer.from('png'), path, () => {});
    expect(compute).toHaveBeenCalledOnce();
    writeFileSync(path, 'b');
    await f(Buffer.from('png'), path, () => {});
    expect(compute).toHaveBeenCalledTimes(2);
  });

  test('two functions of one name do not get the results of each other', () => {
    const memo = createMemo({ namespace: 'n', stateDir: tempDir() });
    memo.memoize(() => 1, { name: 'load' });
    expect(() => memo.memoize(() => 2, { name: 'load' })).toThrow('another function named load');
    expect(() => memo.memoize(() => 1)).toThrow('has no name');
  });
});

describe('a computation', () => {
  test('callers at the same time share one', async () => {
    const { memo, open } = await sharedRig();
    const other = open();
    const gate = Promise.withResolvers<string>();
    const compute = vi.fn(() => gate.promise);
    const all = [memo, memo, other, other].map((one) => one.getOrCompute('key', compute));
    await vi.waitFor(() => expect(compute).toHaveBeenCalled(), soon());
    gate.resolve('result');
    expect(await Promise.all(all)).toEqual(['result', 'result', 'result', 'result']);
    expect(compute).toHaveBeenCalledOnce();
  });

  test('that fails tells all that wait, and nothing is kept', async () => {
    const { memo, open, stats } = await createRig();
    const gate = Promise.withResolvers<string>();
    const compute = vi.fn(() => gate.promise);
    const first = memo.getOrCompute('key', compute);
    await vi.waitFor(() => expect(compute).toHaveBeenCalledOnce(), soon());
    const second = open().getOrCompute('key', compute);
    const both = Promise.allSettled([first, second]);
    await vi.waitFor(async () => expect((await stats()).waiting).toBe(1), soon());
    gate.reject(new Error('out of memory'));
    expect(await both).toMatchObject([
      { status: 'rejected', reason: { name: 'Error', message: 'out of memory' } },
      { status: 'rejected', reason: { name: 'CoalescedError', message: 'out of memory' } },
    ]);
    expect(await memo.getOrCompute('key', () => 'later')).toBe('later');
  });

  test('a stale result is served at once, and computed anew behind it, once', async () => {
    const { memo } = await sharedRig();
    const options = { ttl: 1, stale: '1h' };
    await memo.getOrCompute('key', () => 'old', options);
    await memo.settled();
    const gate = Promise.withResolvers<string>();
    const compute = vi.fn(() => gate.promise);
    expect(await memo.getOrCompute('key', compute, { ttl: '1h' })).toBe('old');
    expect(await memo.getOrCompute('key', compute, { ttl: '1h' })).toBe('old');
    expect(compute).toHaveBeenCalledOnce();
    gate.resolve('new');
    await memo.settled();
    expect(await memo.getOrCompute('key', compute)).toBe('new');
  });

  test('a refresh that fails leaves the stale result, and no rejection', async () => {
    const { memo } = await sharedRig();
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    onTestFinished(() => warned.mockRestore());
    await memo.getOrCompute('key', () => 'old', { ttl: 1, stale: '1h' });
    await memo.settled();
    expect(await memo.getOrCompute('key', () => Promise.reject(new Error('away')))).toBe('old');
    await memo.settled();
    expect(warned).toHaveBeenCalledWith(expect.stringContaining('away'), expect.anything());
    expect(await memo.getOrCompute('key', () => 'new', { ttl: '1h' })).toBe('old');
  });

  test('a daemon that was started anew meanwhile stores the result all the same', async () => {
    const { memo, daemon } = await createRig();
    await memo.getOrCompute('key', async () => {
      await daemon.restart();
      return 'result';
    });
    await memo.settled();
    expect(await memo.getOrCompute('key', () => 'again')).toBe('result');
  });

  test('a result whose file is missing is returned all the same, and the next one is kept', async () => {
    const { memo } = await createRig();
    const path = join(tempDir(), 'output');
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    onTestFinished(() => warned.mockRestore());
    expect((await memo.getOrCompute('key', () => new ResultFile(path))).path).toBe(path);
    writeFileSync(path, 'output');
    await memo.getOrCompute('key', () => new ResultFile(path));
    const found = await memo.getOrCompute('key', () => Promise.reject(new Error('it is computed again')));
    expect(await readFile((found as ResultFile).path, 'utf8')).toBe('output');
  });
});
