import { expect, test } from 'vitest';
import { fetchContent } from '../../src/farm/fetch-content.ts';
import { MemoryDirectory } from '../../src/farm/memory-directory.ts';
import { PeerClient } from '../../src/farm/peer-client.ts';
import { ownVersions } from '../../src/farm/peer-wire.ts';
import { patience } from '../helpers/patience.ts';
import { key, name, sha256, shareCopy } from './shared-copy.ts';

test('a busy host that is silent at first is asked again where nobody else has the content', { tags: 'slow' }, async () => {
  const { server, url, content, bytes, hashes } = await shareCopy();
  const known = new Map(hashes);
  hashes.clear();
  // It looks for the hashes before it answers, and is slow at that.
  const found = Promise.withResolvers<void>();
  content.hash = (chunk) => found.promise.then(() => known.get(chunk));
  const directory = new MemoryDirectory(() => performance.now());
  const swarm = { id: name, chunks: content.has.chunks, origin: 'away', slots: 1 };
  await directory.join(swarm, 'h1').announce(content.has, new Map());
  const hosts = async () => [{ host: 'h1', url, wire: ownVersions }];
  const times = { connect: 500, firstByte: 500, stall: patience(2000) };
  using peers = new PeerClient({ host: 'h2', key, times });
  let silences = 0;
  const got: Buffer[] = [];
  const fetched = await fetchContent({
    content: swarm,
    size: bytes.length,
    host: 'h2',
    directory: { join: (...asked) => directory.join(...asked), hosts },
    peers,
    hashes: new Map(),
    origin: null,
    originSpeed: null,
    keep: async (chunk, part) => {
      got[chunk] = Buffer.from(part);
    },
    turn: async () => {},
    priority: () => 'wait',
    note: (note) => {
      if (note.is === 'peer' && note.how === 'silent') silences++;
      if (silences === 3) found.resolve();
    },
    signal: new AbortController().signal,
  });
  expect(silences).toBeGreaterThanOrEqual(3);
  expect(fetched).toEqual({ originBytes: 0, peers: { h1: bytes.length } });
  expect(sha256(Buffer.concat(got))).toBe(sha256(bytes));
  expect(server.given.chunks).toBeGreaterThanOrEqual(3);
});
