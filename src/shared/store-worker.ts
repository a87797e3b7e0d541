import { open } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import type { S3Remote } from '../core/remote.ts';
import { serveParent } from '../runtime/peer.ts';
import { S3Writer } from '../sources/drivers/s3/s3-writer.ts';
import { sha256OnDisk } from '../transfer/sha256-on-disk.ts';
import type { StoreWatcher, StoreWorker } from './store-messages.ts';
import { contentKey, contentsFolder, noteIn, noteText, sha256In } from './store-names.ts';

/** The entry of the process that speaks to the shared store, so that neither its client nor a slow answer is in the daemon's way. */
let writer: S3Writer | undefined;

const parent = serveParent<StoreWatcher, StoreWorker>({
  async begin(at: S3Remote) {
    // What is written behind is never urgent.
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
    writer = new S3Writer(at);
  },
  sha256Of: (path) => sha256OnDisk(path),
  write,
  note: (key, note) => store().putText(key, noteText(note)),
  async find(sourceKey) {
    const note = noteIn((await store().text(sourceKey)) ?? '');
    return note && (await holds(note.sha256, note.size)) ? note : null;
  },
  holds,
  remove: (sha256) => store().remove(contentKey(sha256)),
  async list() {
    const found = await store().list(contentsFolder);
    return new Map(found.flatMap(({ key, bytes }) => ofContent(key, bytes)));
  },
  abortBefore: (timeMs) => store().abortBefore(new Date(timeMs)),
});

async function write({ path, size, sha256, sourceKey }: Parameters<StoreWorker['write']>[0]): Promise<void> {
  // It stays readable when the copy leaves meanwhile; other bytes are noticed by their hash.
  await using file = await open(path, 'r');
  const onBytes = (bytes: number) => parent.tell.written(sha256, bytes);
  await store().upload({ key: contentKey(sha256), file, size, sha256, onBytes });
  await store().putText(sourceKey, noteText({ sha256, size }));
}

async function holds(sha256: string, size: number): Promise<boolean> {
  return (await store().sizeOf(contentKey(sha256))) === size;
}

function ofContent(key: string, bytes: number): [string, number][] {
  const sha256 = sha256In(key);
  return sha256 === null ? [] : [[sha256, bytes]];
}

function store(): S3Writer {
  if (!writer) throw new Error('the store is not named yet');
  return writer;
}
