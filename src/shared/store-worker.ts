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
  type RoomClaim,
  reservedFolder,
  type SourceNote,
  sha256In,
  sourcesFolder,
} from './store-names.ts';

/** Age at which a note on an absent content is removed, ms by the store's clock. */
const oldNoteMs = 24 * 3_600_000;
/** Maximum number of notes removed at one listing. */
const mostOldNotes = 200;

/** The entry of the process that speaks to the shared store, which keeps its client and slow answers out of the daemon. */
let writer: S3Writer | undefined;

const parent = serveParent<StoreWatcher, StoreWorker>({
  async begin(at: S3Remote) {
    // Writes behind are never urgent.
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
    writer = new S3Writer(at);
  },
  sha256Of: (path) => sha256OnDisk(path),
  write,
  note: (key) => store().putText(key, ''),
  notesIn: async (folder) => (await store().list(folder)).flatMap(({ key }) => noteIn(key) ?? []),
  holds,
  claim,
  unclaim: (claimed) => store().remove(claimKey(claimed)),
  remove: (sha256) => store().remove(contentKey(sha256)),
  async list() {
    const found = await store().list(contentsFolder);
    const contents = new Map(found.flatMap(({ key, bytes }) => ofContent(key, bytes)));
    return { contents, notes: await latestNotes(contents) };
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
    if (claimed.host !== own.host && now - writtenMs < reservationMs) others.push(claimed);
    // The claim of a host that ended while it wrote, or of this one before its restart.
    else await store().remove(other);
  }
  return others;
}

async function write({ path, size, sha256, noteKey }: Parameters<StoreWorker['write']>[0]): Promise<void> {
  // The open file stays readable when the copy leaves meanwhile; other bytes are noticed by their hash.
  await using file = await open(path, 'r');
  const onBytes = (bytes: number) => parent.tell.written(sha256, bytes);
  const key = contentKey(sha256);
  // No other host writes it now: an unfinished upload is of a host that has ended.
  await store().abortOf(key);
  await store().upload({ key, file, size, sha256, onBytes });
  await store().putText(noteKey, '');
}

/** The latest note of each source. Notes on absent contents are removed after a day, because a content may still be on its way. */
async function latestNotes(contents: ReadonlyMap<string, number>): Promise<Map<string, SourceNote>> {
  const listed = (await store().list(sourcesFolder)).toSorted((a, b) => a.writtenMs - b.writtenMs);
  const notes = new Map<string, SourceNote>();
  const old: string[] = [];
  const oldBefore = (listed.at(-1)?.writtenMs ?? 0) - oldNoteMs;
  for (const { key, writtenMs } of listed) {
    const note = noteIn(key);
    if (note === null) continue;
    const { folder, ...said } = note;
    if (contents.get(said.sha256) === said.size) notes.set(folder, said);
    else if (writtenMs < oldBefore) old.push(key);
  }
  for (const key of old.slice(0, mostOldNotes)) await store().remove(key);
  return notes;
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
