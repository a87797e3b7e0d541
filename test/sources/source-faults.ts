import { expect, test, vi } from 'vitest';
import type { OpenSource } from '../../src/sources/driver.ts';
import { patience } from '../helpers/patience.ts';
import { type CreateSubject, fileAt, KiB, listed, name, opened, pattern, readRange, size, withFile } from './subject.ts';

/** The part of the contract of drivers that is about sources which go wrong. Each fault shows that it fired. */
export function sourceFaults(create: CreateSubject): void {
  test('one that was removed is missing, for its root is there', async () => {
    const { subject, driver, file } = await withFile(create);
    await subject.put('other.safetensors', pattern(10));
    await subject.remove(name);
    await expect(driver.open(file)).rejects.toMatchObject({ code: 'SOURCE_MISSING' });
  });

  test('one with a name that no file can have is missing, and its root is no outage', async () => {
    const { driver, file } = await withFile(create);
    expect(await driver.stat(file.path.replace(name, 'x'.repeat(300)))).toMatchObject({ is: 'absent', root: { empty: false } });
  });

  test.each(['gone', 'empty'] as const)('none is missing when its root is %s', async (how) => {
    const { driver, file, vanish } = await withFile(create);
    await vanish(how);
    const root = how === 'gone' ? null : expect.objectContaining({ empty: true });
    expect(await driver.stat(file.path)).toEqual({ is: 'absent', root });
    await expect(driver.open(file)).rejects.toMatchObject({ code: 'SOURCE_AWAY' });
  });

  test('a root that is gone is no empty one', async () => {
    const { subject, driver, vanish } = await withFile(create);
    await vanish('gone');
    // Whether it was ever there is for others to say; an empty listing would say that all its files are gone.
    await expect(driver.identify()).rejects.toMatchObject({ code: expect.stringMatching(/^SOURCE_(MISSING|AWAY|IO)$/) });
    await expect(listed(subject)).rejects.toMatchObject({ code: expect.stringMatching(/^SOURCE_(AWAY|IO)$/) });
  });

  test.each([
    ['away', { look: 'SOURCE_AWAY', read: 'SOURCE_AWAY' }],
    ['denied', { look: 'NOT_PERMITTED', read: 'NOT_PERMITTED' }],
    // A name that cannot be read is the volume's fault; a block may be the file's own.
    ['io', { look: 'SOURCE_AWAY', read: 'SOURCE_IO' }],
  ] as const)('each call says so while they are %s, and goes on when they are back', async (how, code) => {
    const { driver, file, source, breakDown, bytes } = await opened(create);
    expect((await readRange(source, 0, 1000)).equals(bytes.subarray(0, 1000))).toBe(true);
    const fault = breakDown(how);
    await expect(source.read(Buffer.alloc(1000), 200 * KiB)).rejects.toMatchObject({ code: code.read });
    expect(fault.fired()).toBe(true);
    await expect(driver.stat(file.path)).rejects.toMatchObject({ code: code.look });
    await expect(driver.identify()).rejects.toMatchObject({ code: code.look });
    await expect(driver.open(file)).rejects.toMatchObject({ code: code.read });
    await expect(source.assertUnchanged()).rejects.toMatchObject({ code: code.read });
    fault.heal();
    expect((await readRange(source, 200 * KiB, 1000)).equals(bytes.subarray(200 * KiB, 201 * KiB - 24))).toBe(true);
    await source.assertUnchanged();
    await source.close();
  });

  test('a read that hangs holds up nobody else, and ends when it is answered', async () => {
    const { source, breakDown, bytes } = await opened(create);
    const fault = breakDown('hang');
    let ended = false;
    const reading = readRange(source, 200 * KiB, 1000).finally(() => {
      ended = true;
    });
    await vi.waitFor(() => expect(fault.fired()).toBe(true), { timeout: patience(4_000) });
    // The deadline is kept by the one who asks.
    const late = await Promise.race([reading, new Promise((resolve) => setTimeout(resolve, 50, 'late'))]);
    expect([late, ended]).toEqual(['late', false]);
    fault.heal();
    expect((await reading).equals(bytes.subarray(200 * KiB, 200 * KiB + 1000))).toBe(true);
    await source.close();
  });

  test('one that becomes shorter while it is read ends there, and has changed', async () => {
    const { source, subject, bytes } = await opened(create);
    await subject.truncate(name, 100 * KiB);
    if (source.traits.versioned) return givesNothingElse(source);
    expect((await readRange(source, 100 * KiB - 10, 100)).equals(bytes.subarray(100 * KiB - 10, 100 * KiB))).toBe(true);
    expect(await source.read(Buffer.alloc(100), 200 * KiB)).toBe(0);
    await expect(source.assertUnchanged()).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
    await source.close();
  });

  test('one that is written into has changed, though its size and mtime are as before', async () => {
    const { source, subject, file } = await opened(create);
    const other = pattern(size, 2);
    await subject.rewrite(name, other);
    // A stat sees the same file.
    expect(await fileAt(subject, name)).toEqual(file);
    if (source.traits.versioned) return givesNothingElse(source);
    expect((await readRange(source, 200 * KiB, 100)).equals(other.subarray(200 * KiB, 200 * KiB + 100))).toBe(true);
    await expect(source.assertUnchanged()).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
    await source.close();
  });

  test('one whose name another file took has changed, though its size and mtime are as before', async () => {
    const { source, subject, file, bytes } = await opened(create);
    await subject.replace(name, pattern(size, 2));
    const { size: sizeNow, mtimeNs } = (await fileAt(subject, name)).fingerprint;
    expect({ size: sizeNow, mtimeNs }).toEqual({ size, mtimeNs: file.fingerprint.mtimeNs });
    if (source.traits.versioned) return givesNothingElse(source);
    // What is open is the old one still.
    expect((await readRange(source, 200 * KiB, 100)).equals(bytes.subarray(200 * KiB, 200 * KiB + 100))).toBe(true);
    await expect(source.assertUnchanged()).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
    await source.close();
  });

  test('one that is removed while it is read is missing in the end', async () => {
    const { source, subject } = await opened(create);
    await subject.put('other.safetensors', pattern(10));
    await subject.remove(name);
    await expect(source.assertUnchanged()).rejects.toMatchObject({ code: expect.stringMatching(/^SOURCE_(MISSING|CHANGED)$/) });
    await source.close();
  });
}

/** An open version that is no more gives no byte of another one. */
async function givesNothingElse(source: OpenSource): Promise<void> {
  const into = Buffer.alloc(100);
  await expect(source.read(into, 200 * KiB)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
  expect(into).toEqual(Buffer.alloc(100));
  await expect(source.assertUnchanged()).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
  await source.close();
}
