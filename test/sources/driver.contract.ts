import { join } from 'node:path';
import { describe, expect, type TestContext, test } from 'vitest';
import { sourceFaults } from './source-faults.ts';
import { type CreateSubject, fileAt, KiB, listed, name, opened, pattern, readRange, size, withFile } from './subject.ts';

/**
 * What every driver of sources must do, also when its sources go wrong. A new driver's tests are a `Subject`, one line that runs
 * this suite, and what is peculiar to it.
 * @param unavailable why there can be no such sources here, or null
 */
export function driverContract(what: string, create: CreateSubject, unavailable: string | null = null): void {
  if (unavailable) console.warn(`SKIPPED: sources of ${what} (${unavailable})`);

  describe.skipIf(unavailable !== null)(`sources of ${what}: looking`, () => {
    test('a file has its size and mtime, and says so again', async () => {
      const { file, subject } = await withFile(create);
      expect(file.fingerprint.size).toBe(size);
      expect(BigInt(file.fingerprint.mtimeNs)).toBeGreaterThan(0n);
      expect(await fileAt(subject, name)).toEqual(file);
    });

    test('a directory is no source', async () => {
      const { driver, root } = await withFile(create);
      expect(await driver.stat(join(root, 'checkpoints'))).toEqual({ is: 'other' });
    });

    test('what is not there is absent, and its root is there', async () => {
      const { driver, root, subject } = await withFile(create);
      expect(await driver.stat(join(root, 'checkpoints/b.safetensors'))).toMatchObject({
        is: 'absent',
        root: { empty: false },
      });
      await subject.remove(name);
      expect(await driver.stat(join(root, name))).toMatchObject({ is: 'absent' });
    });

    test('a root tells whether it is empty, and is the same each time', async () => {
      const { driver, put } = await create();
      const before = await driver.identify();
      expect(before.empty).toBe(true);
      await put(name, pattern(10));
      expect(await driver.identify()).toMatchObject({ empty: false, identity: before.identity });
    });

    test('a published hash is found, and none is made up', async () => {
      const { driver, file, subject } = await withFile(create);
      expect(await driver.published(file.path)).toBeNull();
      await subject.publish(name, 'ab'.repeat(32));
      expect(await driver.published(file.path)).toMatchObject({ sha256: 'ab'.repeat(32) });
    });

    test('a file of a few bytes says nothing of speed', async () => {
      const { driver, root, subject } = await withFile(create);
      await subject.put('tiny.safetensors', pattern(10));
      const path = join(root, 'tiny.safetensors');
      expect([await driver.probe(path), await driver.measure(path)]).toEqual([null, null]);
    });
  });

  describe.skipIf(unavailable !== null)(`sources of ${what}: listing`, () => {
    test('gives each file once, as a stat does', async () => {
      const { subject, driver, root } = await withFile(create);
      await subject.put('loras/x/b.safetensors', pattern(20));
      const { found, files, bytes, directories, failures, foreign } = await listed(subject);
      expect(found.map(({ rel }) => rel)).toEqual([name, 'loras/x/b.safetensors']);
      for (const { rel, ...rest } of found) expect(await driver.stat(join(root, rel))).toEqual({ is: 'file', ...rest });
      expect({ files, bytes, failures, foreign }).toEqual({ files: 2, bytes: size + 20, failures: [], foreign: [] });
      const entered = ['', 'checkpoints', 'loras', 'loras/x'].map((rel) => join(root, rel));
      expect(directories.sort()).toEqual(entered);
    });

    test('is of one directory when told so, and leaves roots of their own out', async () => {
      const { subject, root } = await withFile(create);
      await subject.put('b.safetensors', pattern(20));
      await subject.put('own/c.safetensors', pattern(20));
      expect((await listed(subject, { recursive: false })).found.map(({ rel }) => rel)).toEqual(['b.safetensors']);
      const { found } = await listed(subject, { skip: [join(root, 'own')] });
      expect(found.map(({ rel }) => rel)).toEqual(['b.safetensors', name]);
      const { found: below } = await listed(subject, { directory: join(root, 'own') });
      expect(below.map(({ rel }) => rel)).toEqual(['c.safetensors']);
    });

    test('ends when it is cancelled', async () => {
      const { driver, root } = await withFile(create);
      const listing = driver.list(root, { onBatch: () => {}, signal: AbortSignal.abort() });
      await expect(listing).rejects.toMatchObject({ code: 'CANCELLED' });
    });

    test('tells a directory that cannot be read from one without files', async () => {
      const { subject, root, breakDown } = await withFile(create);
      await subject.put('locked/b.safetensors', pattern(20));
      const fault = breakDown('denied', 'locked');
      const { found, failures } = await listed(subject);
      expect(fault.fired()).toBe(true);
      expect(found.map(({ rel }) => rel)).toEqual([name]);
      expect(failures.map(({ path }) => path)).toEqual([join(root, 'locked')]);
    });

    test.each([
      ['away', 'SOURCE_AWAY'],
      ['io', 'SOURCE_AWAY'],
      ['denied', 'NOT_PERMITTED'],
    ] as const)('of a root that is %s is an error, never an empty list', async (how, code) => {
      const { subject, breakDown } = await withFile(create);
      const fault = breakDown(how);
      await expect(listed(subject)).rejects.toMatchObject({ code });
      expect(fault.fired()).toBe(true);
      fault.heal();
      expect((await listed(subject)).files).toBe(1);
    });
  });

  describe.skipIf(unavailable !== null)(`sources of ${what}: reading`, () => {
    test('gives the bytes of every position, several reads at once', async () => {
      const { source, bytes, file } = await opened(create);
      expect(source.fingerprint).toMatchObject({ size, mtimeNs: file.fingerprint.mtimeNs });
      const positions = [0, 1, 4096, 128 * KiB - 3, size - 5000];
      const parts = await Promise.all(positions.map((position) => readRange(source, position, 5000)));
      for (const [index, part] of parts.entries()) {
        const at = positions[index] ?? 0;
        expect(part.equals(bytes.subarray(at, at + 5000)), `at ${at}`).toBe(true);
      }
      await source.assertUnchanged();
      await source.close();
    });

    test('ends at the end', async () => {
      const { source, bytes } = await opened(create);
      expect(await readRange(source, size - 10, 100)).toEqual(bytes.subarray(size - 10));
      expect(await source.read(Buffer.alloc(10), size)).toBe(0);
      await source.close();
    });

    test('is of the file that was asked for only', async () => {
      const { driver, file, root } = await withFile(create);
      const { size: _, ...rest } = file.fingerprint;
      await expect(driver.open({ ...file, fingerprint: { ...rest, size: size + 1 } })).rejects.toMatchObject({
        code: 'SOURCE_CHANGED',
      });
      await expect(driver.open({ ...file, fingerprint: { ...file.fingerprint, mtimeNs: '1' } })).rejects.toMatchObject({
        code: 'SOURCE_CHANGED',
      });
      await expect(driver.open({ ...file, path: join(root, 'checkpoints') })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    });

    test('of an empty file gives nothing', async () => {
      const subject = await create();
      await subject.put('empty.safetensors', Buffer.alloc(0));
      const source = await subject.driver.open(await fileAt(subject, 'empty.safetensors'));
      expect(await source.read(Buffer.alloc(10), 0)).toBe(0);
      await source.close();
    });
  });

  describe.skipIf(unavailable !== null)(`sources of ${what}: watching`, () => {
    test('tells of a file that comes, where changes are told', async (context: TestContext) => {
      const { subject, driver, root } = await withFile(create);
      if (!driver.watch) return context.skip('it does not tell of changes');
      const abort = new AbortController();
      const changed = new Promise<string[]>((onChanged, reject) => {
        const watching = driver.watch?.({ skip: new Set(), settleMs: 5, onChanged, onTrouble: reject, signal: abort.signal });
        watching?.then(() => subject.put('checkpoints/new.safetensors', pattern(10)), reject);
      });
      expect(await changed).toContain(join(root, 'checkpoints'));
      abort.abort();
    });
  });

  describe.skipIf(unavailable !== null)(`sources of ${what} that go wrong`, () => sourceFaults(create));
}
