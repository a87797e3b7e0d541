import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { contentKey } from '../../src/shared/store-names.ts';
import { StoreProcess } from '../../src/shared/store-process.ts';
import { patience } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { noVersitygw } from '../helpers/versitygw.ts';
import { begunIn, bytesOf, eventually, hostOf, MiB, model, newStore, sha256Of } from './hosts.ts';

describe.skipIf(noVersitygw !== null)(
  `a store that hosts share copies in${noVersitygw === null ? '' : ` (left out: ${noVersitygw})`}`,
  { timeout: patience(120_000) },
  () => {
    test('what one host has read from the origin, another one reads from the store, byte for byte', async () => {
      const { address, writer } = await newStore();
      const models = { [model]: bytesOf('model') };
      const first = await hostOf(address('1GiB'), models);
      expect(await first.lookup(model)).toMatchObject({ reason: 'HIT_AFTER_WAIT' });
      await expect.poll(first.view, eventually).toMatchObject({ files: 1, bytes: 6 * MiB, reserved: 0, writtenBytes: 6 * MiB });
      expect(await writer.sizeOf(contentKey(sha256Of(bytesOf('model'))))).toBe(6 * MiB);
      expect((await first.client.locate(join(first.root, model))).shared).toBe(true);
      expect((await first.client.explain(join(first.root, model))).shared).toBe(true);
      expect((await first.client.explain(join(first.root, model))).fromShared).toBeUndefined();
      expect((await first.client.stats()).shared).toMatchObject({ files: 1, bytes: 6 * MiB, state: 'up' });
      expect((await first.client.entries({})).entries).toMatchObject([{ shared: true }]);
      const second = await hostOf(address('1GiB'), models);
      const { path } = await second.lookup(model);
      expect(readFileSync(path).equals(bytesOf('model'))).toBe(true);
      expect(await second.view()).toMatchObject({ readBytes: 6 * MiB, writtenBytes: 0 });
    });

    test('a content that was damaged in the store is never served: the origin is read, and it leaves the store', {
      tags: 'slow',
    }, async () => {
      const { address, writer, server } = await newStore();
      const models = { [model]: bytesOf('model') };
      const first = await hostOf(address('1GiB'), models);
      await first.lookup(model);
      await expect.poll(first.view, eventually).toMatchObject({ files: 1 });
      const key = contentKey(sha256Of(bytesOf('model')));
      await server.put(`farm/${key}`, bytesOf('other'));
      const second = await hostOf(address('1GiB'), models);
      const { path } = await second.lookup(model);
      expect(readFileSync(path).equals(bytesOf('model'))).toBe(true);
      expect(await second.view()).toMatchObject({ readBytes: 0, state: 'up' });
      // It is removed, and may be written again by the host that has read the origin.
      const soundOrGone = async () => (await writer.sizeOf(key)) === null || (await second.view())?.writtenBytes === 6 * MiB;
      await expect.poll(soundOrGone, eventually).toBe(true);
    });

    test('its limit holds: what is less wanted leaves for what comes, and a file larger than it is not written', {
      tags: 'slow',
    }, async () => {
      const { address, writer } = await newStore();
      const models = {
        'loras/a.safetensors': bytesOf('a'),
        'loras/b.safetensors': bytesOf('b'),
        [model]: bytesOf('c', 11 * MiB),
      };
      const host = await hostOf(address('10MiB'), models);
      await host.lookup('loras/a.safetensors');
      await expect.poll(host.view, eventually).toMatchObject({ files: 1 });
      await host.lookup(model);
      await host.lookup('loras/b.safetensors');
      await expect
        .poll(host.view, eventually)
        .toMatchObject({ files: 1, bytes: 6 * MiB, evictions: 1, writtenBytes: 12 * MiB });
      expect([...(await writer.list('sha256/'))].map(({ key }) => key)).toEqual([contentKey(sha256Of(bytesOf('b')))]);
    });

    test('its limit holds for two hosts without a Redis: what the other one has written meanwhile is counted', {
      tags: 'slow',
    }, async () => {
      const { address, writer } = await newStore();
      const keys = async () => [...(await writer.list('sha256/'))].map(({ key }) => key);
      const first = await hostOf(address('10MiB'), { 'loras/a.safetensors': bytesOf('a') });
      const second = await hostOf(address('10MiB'), { 'loras/b.safetensors': bytesOf('b') });
      await expect.poll(second.view, eventually).toMatchObject({ state: 'up', files: 0 });
      await first.lookup('loras/a.safetensors');
      await expect.poll(keys, eventually).toEqual([contentKey(sha256Of(bytesOf('a')))]);
      await second.lookup('loras/b.safetensors');
      await expect.poll(second.view, eventually).toMatchObject({ files: 1, bytes: 6 * MiB, writtenBytes: 0 });
      expect(await keys()).toEqual([contentKey(sha256Of(bytesOf('a')))]);
    });

    test('a store that is away costs nothing but its help', async () => {
      const { address, server } = await newStore();
      const shared = address('1GiB');
      await server[Symbol.asyncDispose]();
      const host = await hostOf(shared, { [model]: bytesOf('model') });
      expect(await host.lookup(model)).toMatchObject({ reason: 'HIT_AFTER_WAIT' });
      await expect.poll(host.view, eventually).toMatchObject({ state: 'away', writtenBytes: 0 });
    });

    test('a copy is made from it while the disk of the source does not answer', { tags: 'slow' }, async () => {
      const { address } = await newStore();
      const host = await hostOf(address('1GiB'), { [model]: bytesOf('model') });
      const paths = [join(host.root, model)];
      await host.client.warm({ paths });
      await expect.poll(host.view, eventually).toMatchObject({ files: 1 });
      expect((await host.client.evict({ paths })).removed).toHaveLength(1);
      renameSync(host.root, `${host.root}-away`);
      const made = async () => existsSync((await host.lookup(model)).path);
      await expect.poll(made, eventually).toBe(true);
      const { path, reason } = await host.lookup(model);
      expect(readFileSync(path).equals(bytesOf('model'))).toBe(true);
      expect(reason).toBe('HIT_OFFLINE');
      expect(await host.view()).toMatchObject({ readBytes: 6 * MiB });
    });

    describe('a host that has never seen the source, while its disk does not answer,', () => {
      /** The first host has written the model into the store; the second one's folder is not there. */
      async function withoutDisk() {
        const store = await newStore();
        const first = await hostOf(store.address('1GiB'), { [model]: bytesOf('model') });
        await first.lookup(model);
        await expect.poll(first.view, eventually).toMatchObject({ files: 1 });
        const second = await hostOf(store.address('1GiB'), {});
        expect(existsSync(second.root)).toBe(false);
        await expect.poll(second.view, eventually).toMatchObject({ files: 1, bytes: 6 * MiB });
        return { ...store, first, second };
      }

      test('loads it from the store, by its name; the copy serves when the disk is there', { tags: 'slow' }, async () => {
        const { second } = await withoutDisk();
        expect((await second.client.explain(join(second.root, model))).shared).toBe(true);
        expect((await second.client.locate(join(second.root, model))).shared).toBe(true);
        const { path } = await second.lookup(model);
        expect(readFileSync(path).equals(bytesOf('model'))).toBe(true);
        expect(statSync(path).mtimeMs).toBe(1_700_000_000_000);
        expect(await second.lookup(model)).toMatchObject({ reason: 'HIT_OFFLINE', path });
        expect(await second.view()).toMatchObject({ readBytes: 6 * MiB });
        expect((await second.client.explain(join(second.root, model))).fromShared).toBe(true);
        second.give({ [model]: bytesOf('model') });
        await expect.poll(async () => (await second.lookup(model)).reason, eventually).toBe('HIT');
        expect(await second.view()).toMatchObject({ readBytes: 6 * MiB });
      });

      test('never gets bytes from it that are not those of the name', { tags: 'slow' }, async () => {
        const { second, server } = await withoutDisk();
        await server.put(`farm/${contentKey(sha256Of(bytesOf('model')))}`, bytesOf('other'));
        const answer = await second.lookup(model);
        expect(answer).toMatchObject({ path: join(second.root, model), tier: 'hdd' });
        expect(await second.view()).toMatchObject({ readBytes: 0 });
        expect((await second.client.entries({ cached: true })).total).toBe(0);
      });

      test('gets nothing for a name that the store does not know, and loads what it has been given since', {
        tags: 'slow',
      }, async () => {
        const { first, second } = await withoutDisk();
        const later = 'loras/b.safetensors';
        expect(await second.lookup(later)).toMatchObject({ reason: 'SOURCE_AWAY', path: join(second.root, later) });
        first.give({ [later]: bytesOf('b') });
        await first.lookup(later);
        await expect.poll(first.view, eventually).toMatchObject({ files: 2 });
        await second.restart();
        await expect.poll(second.view, eventually).toMatchObject({ files: 2 });
        expect(readFileSync((await second.lookup(later)).path).equals(bytesOf('b'))).toBe(true);
      });

      test('gets the latest of what a name has stood for', { tags: 'slow' }, async () => {
        const { first, second } = await withoutDisk();
        first.give({ [model]: bytesOf('newer', 7 * MiB) }, 1_700_000_001);
        await expect.poll(async () => (await first.lookup(model)).reason, eventually).toMatch(/^HIT/);
        await expect.poll(first.view, eventually).toMatchObject({ files: 2 });
        await second.restart();
        await expect.poll(second.view, eventually).toMatchObject({ files: 2 });
        expect(readFileSync((await second.lookup(model)).path).equals(bytesOf('newer', 7 * MiB))).toBe(true);
      });
    });
  },
);

describe.skipIf(noVersitygw !== null)('writing into the store', { timeout: patience(60_000) }, () => {
  async function fileWith(bytes: Buffer) {
    const path = join(tempDir(), 'copy');
    writeFileSync(path, bytes);
    const file = await open(path, 'r');
    onTestFinished(() => file.close());
    return { path, file };
  }

  test('in one piece and in parts, the bytes are those of the file', async () => {
    const { writer } = await newStore();
    for (const size of [1, 5 * MiB, 12 * MiB + 7]) {
      const bytes = bytesOf('model', size);
      const { file } = await fileWith(bytes);
      const told: number[] = [];
      await writer.upload({ key: `x/${size}`, file, size, sha256: sha256Of(bytes), onBytes: (done) => told.push(done) });
      expect(await writer.sizeOf(`x/${size}`)).toBe(size);
      expect(told.at(-1)).toBe(size);
    }
    expect(await writer.text('x/1')).toBe('m');
    expect(await writer.text('nothing')).toBeNull();
  });

  test.each([2 * MiB, 12 * MiB])(
    'a copy of %i bytes that has changed leaves neither an object nor a part of one',
    async (size) => {
      const { writer, server } = await newStore();
      const { file } = await fileWith(bytesOf('damaged', size));
      const upload = { key: 'x', file, size, sha256: sha256Of(bytesOf('model', size)), onBytes: () => {} };
      await expect(writer.upload(upload)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
      expect(await writer.sizeOf('x')).toBeNull();
      expect(await begunIn(server)).toBe(0);
    },
  );

  test('an upload that is killed in the middle leaves nothing that is served, and its parts are given up', {
    tags: 'slow',
  }, async () => {
    const { writer, server, at } = await newStore();
    const size = 256 * MiB;
    const bytes = Buffer.alloc(size, 'm');
    const { path } = await fileWith(bytes);
    const sha256 = sha256Of(bytes);
    const first = Promise.withResolvers<void>();
    const store = new StoreProcess(at, { ...process.env }, { written: () => first.resolve() });
    const writing = store.call.write({ path, size, sha256, noteKey: 'sources/x' });
    const ended = expect(writing).rejects.toMatchObject({ code: 'CANCELLED' });
    await first.promise;
    store[Symbol.dispose]();
    await ended;
    expect(await begunIn(server)).toBe(1);
    expect(await writer.sizeOf(contentKey(sha256))).toBeNull();
    expect(await writer.text('sources/x')).toBeNull();
    expect(await writer.abortBefore(new Date(Date.now() + 60_000))).toBe(1);
    expect(await begunIn(server)).toBe(0);
  });
});
