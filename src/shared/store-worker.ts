import { open } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import type { S3Remote } from '../core/remote.ts';
import { serveParent } from '../runtime/peer.ts';
import { S3Writer } from '../sources/drivers/s3/s3-writer.ts';
import { sha256OnDisk } from '../transfer/sha256-on-disk.ts';
import { reservationMs } from './ledger.ts';
import type { StoreWatcher, StoreWorker } from './store-messages.ts';
import {
  claimIn,
  claimKey,
  contentKey,
  contentsFolder,
  noteIn,
  noteText,
  type RoomClaim,
  reservedFolder,
  sha256In,
} from './store-names.ts';

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
  claim,
  unclaim: (claimed) => store().remove(claimKey(claimed)),
  remove: (sha256) => store().remove(contentKey(sha256)),
  async list() {
    const found = await store().list(contentsFolder);
    return new Map(found.flatMap(({ key, bytes }) => ofContent(key, bytes)));
  },
  abortBefore: (timeMs) => store().abortBefore(new Date(timeMs)),
});

async function claim(own: RoomClaim): Promise<RoomClaim[]> {
  const key = claimKey(own);
  await store().putText(key, '');
  const found = await store().list(reservedFolder);
  // The store's own clock: those of hosts are never compared.
  const now = found.find((one) => one.key === key)?.writtenMs ?? 0;
  const others: RoomClaim[] = [];
  for (const { key: other, writtenMs } of found) {
    const claimed = other === key ? null : claimIn(other);
    if (claimed === null) continue;
    if (now - writtenMs < reservationMs) others.push(claimed);
    // Of a host that ended while it wrote.
    else await store().remove(other);
  }
  return others;
}

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
