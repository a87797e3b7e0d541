import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import keyvTestSuite from '@keyv/test-suite';
import { Keyv, type KeyvStoreAdapter } from 'keyv';
import * as vitest from 'vitest';
import { KeyvAutocached } from '../../src/keyv.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { startDaemonProcess } from '../helpers/daemon-process.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const { beforeAll, describe, expect, onTestFinished, test } = vitest;
const timeoutMs = { connect: 60_000, answer: 60_000 };

describe("keyv's own suite", () => {
  const stores: KeyvAutocached[] = [];
  let stateDir = '';
  // The suite stops the clock of this process, so the daemon is another one.
  beforeAll(async () => {
    const dir = mkdtempSync(join(tmpdir(), 'autocached-keyv-'));
    let end = async () => {};
    const atEnd = (given: () => Promise<void>) => {
      end = given;
    };
    stateDir = (await startDaemonProcess({ dir, settings: {}, atEnd })).stateDir;
    return async () => {
      await Promise.all(stores.map((store) => store.disconnect()));
      await end();
      rmSync(dir, { recursive: true });
    };
  });
  const open = () => {
    const store = new KeyvAutocached({ stateDir, timeoutMs });
    stores.push(store);
    return store;
  };
  keyvTestSuite(vitest as never, Keyv as never, open as never);
});

async function createStore() {
  const { stateDir } = await runDaemon({});
  const open = () => {
    const store = new KeyvAutocached({ stateDir, timeoutMs });
    onTestFinished(() => store.disconnect());
    return store satisfies KeyvStoreAdapter;
  };
  return { open, store: open() };
}

describe('a store of keyv', () => {
  test('values are seen by other programs, one or many at a time', async () => {
    const { store, open } = await createStore();
    const large = 'x'.repeat(3 * 2 ** 20);
    await new Keyv({ store }).setMany([
      { key: 'a', value: 1 },
      { key: 'b', value: large },
    ]);
    const other = new Keyv({ store: open() });
    expect(await other.getMany(['a', 'b', 'c'])).toEqual([1, large, undefined]);
    expect(await other.delete('a')).toBe(true);
    expect(await new Keyv({ store }).has('a')).toBe(false);
  });

  test('namespaces of any name are kept apart, and cleared apart, whatever their number of keys', {
    tags: 'slow',
  }, async () => {
    const { open } = await createStore();
    const [first, second] = ['ein Name / mit Leerzeichen', 'b'].map((namespace) => new Keyv({ store: open(), namespace }));
    await first?.setMany(Array.from({ length: 600 }, (_, index) => ({ key: String(index), value: index })));
    await second?.set('0', 'other');
    await first?.clear();
    expect(await first?.get('0')).toBeUndefined();
    expect(await second?.get('0')).toBe('other');
  });

  test('its iterator gives the keys with their values, without those that have ended', async () => {
    const { store } = await createStore();
    await store.set('ended', 'x', 0);
    const wanted = Array.from({ length: 5 }, (_, index) => [`key ${index}`, index]);
    for (const [key, value] of wanted) await store.set(String(key), value);
    const found: unknown[] = [];
    for await (const entry of store.iterator()) found.push(entry);
    expect(found.sort()).toEqual(wanted);
  });

  test('without the daemon nothing is found, and nothing but clear fails', async () => {
    const keyv = new Keyv({ store: new KeyvAutocached({ stateDir: tempDir() }) });
    keyv.on('error', () => {});
    expect(await keyv.set('a', 1)).toBe(false);
    expect(await keyv.get('a')).toBeUndefined();
    expect(await keyv.getMany(['a', 'b'])).toEqual([undefined, undefined]);
    expect(await keyv.delete('a')).toBe(false);
  });
});
