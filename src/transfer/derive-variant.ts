import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  statSync,
} from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { readAt, writeAt } from '../codec/file-io.ts';
import { CacheError } from '../core/errors.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import { errnoOf, meaningOf } from '../runtime/errnos.ts';
import { readError, reading, writeError, writing } from '../sources/io-errors.ts';
import { moveDurably, syncFile } from '../tiers/durable.ts';
import { fitsSeal } from '../tiers/manifest.ts';
import { dropPartial } from '../tiers/partial.ts';
import { Architectures } from '../variants/architectures.ts';
import { Derivation, type DeriveFiles } from '../variants/derive.ts';
import { headerRoom, writeHeader } from '../variants/layout.ts';
import { planVariant } from '../variants/plan.ts';
import { readHeader } from '../variants/read-header.ts';
import { recipeVersion } from '../variants/recipe.ts';
import { worstFirst } from '../variants/report.ts';
import { assertWanted, type CopyHooks } from './each-block.ts';
import type { DeriveOrder, DeriveReport } from './messages.ts';
import { createAnew } from './partial-file.ts';

/** Size of portions in which written bytes are sent to the disk, so that no large flush at the end burdens other programs. */
const syncBytes = 64 * 1024 * 1024;
/** Number of bytes after which an unpaced job handles messages. */
const turnBytes = 4 * 1024 * 1024;

/**
 * Makes a variant of a model in one pass over a local file with its bytes, and gives it its name: fsync, rename, fsync of the
 * directory. A crash at any point leaves either the former file of that name, or the finished one.
 * @throws CacheError BAD_REQUEST or CORRUPT for a source without variants, SOURCE_CHANGED when it was replaced meanwhile, CONFLICT when
 *   another file has the name, IN_USE when a program keeps the former variant from being replaced, NO_SPACE when the variant is larger
 *   than `into`, or the disk is full; SOURCE_IO, CACHE_IO, CANCELLED
 */
export async function deriveVariant(order: DeriveOrder, hooks: CopyHooks): Promise<DeriveReport> {
  const { temp, path } = order;
  const source = reading(() => openSync(order.origin.path, 'r'));
  try {
    assertSame(order, source);
    assertReplaceable(order);
    // A program may have it open for hours, so this is checked before the work.
    if (existsSync(path)) await moveOver(path, path);
    const made = await derive(order, source, hooks);
    assertSame(order, source);
    assertWanted(hooks.signal);
    // A loader that opens its model for writing gets an error instead of changing it for all others.
    if (process.platform !== 'win32') writing(() => chmodSync(temp, 0o444));
    await syncFile(temp);
    assertReplaceable(order);
    await moveOver(temp, path);
    return made;
  } catch (error) {
    throw error instanceof CacheError ? error : writeError(error);
  } finally {
    closeSync(source);
    dropPartial(temp);
  }
}

/** Checks that the source was not replaced under the same path. @throws CacheError SOURCE_CHANGED */
function assertSame({ origin: { path, seal }, source }: DeriveOrder, fd: number): void {
  const [open, named] = reading(() => [fstatSync(fd, { bigint: true }), statSync(path, { bigint: true })]);
  const { size, mtimeNs, ctimeNs, ino } = open;
  const now = { size: Number(size), mtimeNs: String(mtimeNs), ctimeNs: String(ctimeNs), ino: String(ino) };
  const isSame = seal ? fitsSeal(open, seal) : isSameFingerprint(source.fingerprint, now);
  if (isSame && open.ino === named.ino && open.size === named.size && open.mtimeNs === named.mtimeNs) return;
  throw new CacheError('SOURCE_CHANGED', `${source.path} was replaced while its variant was made`, { hint: 'make it again' });
}

/** Law 2: only the former variant may be replaced. @throws CacheError CONFLICT */
function assertReplaceable({ path, replaces }: DeriveOrder): void {
  const there = writing(() => lstatSync(path, { bigint: true, throwIfNoEntry: false }));
  if (!there || (there.isFile() && String(there.mtimeNs) === replaces)) return;
  throw new CacheError('CONFLICT', `another file has come to ${path} while the variant was made`, {
    hint: 'move it away, or remove it',
  });
}

/**
 * Replaces a file by another one. Renaming a file to its own name changes nothing, and shows whether it can be replaced.
 * @throws CacheError IN_USE while a program has the other one open and the system keeps it for that program, as Windows does
 */
async function moveOver(from: string, to: string): Promise<void> {
  try {
    await moveDurably(from, to);
  } catch (error) {
    const meaning = meaningOf(error);
    if (meaning !== 'in-use' && !(meaning === 'denied' && process.platform === 'win32')) throw error;
    throw new CacheError('IN_USE', `a program has the former variant open, so it cannot be replaced now (${errnoOf(error)})`, {
      hint: 'It is tried again until it can be.',
      cause: error,
    });
  }
}

async function derive(order: DeriveOrder, source: number, hooks: CopyHooks): Promise<DeriveReport> {
  const { recipe, temp, into, source: file } = order;
  const size = file.fingerprint.size;
  const { start, header } = headerOf(source, size);
  const plan = planVariant(header, recipe, new Architectures());
  const room = headerRoom(plan, header.metadata);
  const hash = order.sha256 === null ? createHash('sha256').update(start) : null;
  const target = writing(() => createAnew(temp));
  try {
    const files = new Files({ source, target, room, into, hash }, hooks);
    const { tensors, layers, end } = await new Derivation(plan, recipe, files).run();
    const sha256 = order.sha256 ?? hash?.digest('hex') ?? '';
    const { architecture } = plan;
    const report = { version: recipeVersion, recipe, architecture, source: { sha256, bytes: size }, layers: [...layers] };
    writing(() => {
      writeAt(target, writeHeader(room, { tensors, metadata: header.metadata, report }), 0);
      // Discarded attempts may have left bytes after the end.
      ftruncateSync(target, room + end);
    });
    const [worst] = worstFirst(layers);
    return { bytes: room + end, sha256, architecture, leastSqnr: worst?.sqnr ?? null, layers: layers.length };
  } finally {
    closeSync(target);
  }
}

/** @throws CacheError CORRUPT, SOURCE_IO */
function headerOf(fd: number, size: number): ReturnType<typeof readHeader> {
  try {
    return readHeader(fd, size);
  } catch (error) {
    throw error instanceof CacheError ? error : readError(error);
  }
}

interface Opened {
  source: number;
  target: number;
  room: number;
  into: number;
  hash: ReturnType<typeof createHash> | null;
}

/** The two files of a derivation. */
class Files implements DeriveFiles {
  readonly #opened: Opened;
  readonly #hooks: CopyHooks;
  #done = 0;
  #worked = 0;
  #turnAt = turnBytes;
  #syncAt = syncBytes;

  constructor(opened: Opened, hooks: CopyHooks) {
    this.#opened = opened;
    this.#hooks = hooks;
  }

  read(into: Uint8Array, position: number): void {
    const length = reading(() => readAt(this.#opened.source, into, position));
    if (length < into.length) throw new CacheError('SOURCE_CHANGED', 'the source was made shorter while its variant was made');
  }

  write(bytes: Uint8Array, position: number): void {
    const { target, room, into } = this.#opened;
    const end = room + position + bytes.length;
    if (end > into) throw new CacheError('NO_SPACE', 'the variant is larger than the room that was reserved for it');
    writing(() => {
      writeAt(target, bytes, room + position);
      if (end < this.#syncAt) return;
      this.#syncAt = end + syncBytes;
      fdatasyncSync(target);
    });
  }

  seen(bytes: Uint8Array): void {
    this.#opened.hash?.update(bytes);
  }

  async step(bytes: number, isFirst: boolean): Promise<void> {
    this.#worked += bytes;
    if (isFirst) this.#done += bytes;
    if (this.#hooks.paced() && isFirst) await this.#hooks.ask(bytes);
    else if (this.#worked < this.#turnAt) return;
    this.#turnAt = this.#worked + turnBytes;
    this.#hooks.progress(this.#done);
    await nextTurn();
    assertWanted(this.#hooks.signal);
  }
}
