import { SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import type { VerifyAnswer } from '../../api/verify.ts';
import { CacheError } from '../../core/errors.ts';
import { counted, formatBytes, formatCount } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import type { Client } from '../client.ts';
import { selectRequest } from '../items.ts';
import { itemHelp, withKnownItems } from '../known-items.ts';
import { exitCodes } from '../print.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import type { Look } from '../text/look.ts';

export function addVerify(program: Command, run: Run): void {
  program
    .command('verify')
    .description('verify copies against their hashes and published SHA-256; exit code 4 if one differs')
    .argument('[item...]', itemHelp)
    .option('--all', 'every copy')
    .action(
      run(async (session, items: string[], { all }: { all?: true }) => {
        if (!all && items.length === 0)
          throw new CacheError('BAD_REQUEST', 'nothing to verify', { hint: 'name files, or give --all for every copy' });
        const client = await clientOf(session);
        const verify = async (words: string[]) => client.verify(all ? { all } : await selectRequest(words, session));
        const data = await withProgress(client, session, () => withKnownItems(items, { ...session, client }, verify));
        return {
          data,
          page: (look) => verifyPage(data, look),
          exitCode: exitCodeOf(data, all === true),
        };
      }),
    );
}

function exitCodeOf({ files, damaged, mismatched }: VerifyAnswer, all: boolean): number {
  if (damaged.length + mismatched.length > 0) return exitCodes.difference;
  return files === 0 && !all ? exitCodes.failed : exitCodes.done;
}

/** A bar on a terminal during `work`; nothing elsewhere, where only the outcome matters. */
async function withProgress<T>(client: Client, session: Session, work: () => Promise<T>): Promise<T> {
  if (session.json || !session.err.isTTY) return work();
  const over = new AbortController();
  const events = await client.events(AbortSignal.any([over.signal, session.unread]));
  const bar = new SingleBar({ stream: session.err, format: '{bar} {percentage} % of {size}', clearOnComplete: true });
  const shown = (async () => {
    for await (const { name, data } of events) {
      if (name !== 'verify-progress') continue;
      if (!bar.isActive) bar.start(data.bytesTotal, 0, { size: formatBytes(data.bytesTotal) });
      bar.update(data.bytesDone);
    }
  })();
  try {
    return await work();
  } finally {
    over.abort();
    await shown.catch(() => {});
    bar.stop();
  }
}

function verifyPage({ files, bytes, damaged, mismatched, skipped, sound = [] }: VerifyAnswer, look: Look): string {
  // For one file the last line is enough.
  const listed = sound.length > 1 ? sound : [];
  const sounds = listed.map(({ path }) => `${look.paint('green', 'OK')}  ${plain(path)}`);
  const lines = [...sounds, ...damagedLines(damaged, look)];
  for (const { path, sha256, published, from } of mismatched) {
    lines.push(
      `${look.paint('yellow', 'not as published')}  ${plain(path)}`,
      `         it has ${sha256}`,
      `         ${plain(from)} says ${plain(published)}; download the file again`,
    );
  }
  for (const { path, why } of skipped) lines.push(`${look.paint('yellow', 'skipped')}  ${plain(`${path}: ${why}`)}`);
  if (files === 0) return [...lines, 'nothing verified'].join('\n');
  return [
    ...lines,
    `${counted(files, 'copy', 'copies')} verified (${formatBytes(bytes)}): ${verdictOn({ files, damaged, mismatched })}`,
  ].join('\n');
}

/** `OK`, or the number of files that differ, in which way, and of those that are right. */
function verdictOn({ files, damaged, mismatched }: Pick<VerifyAnswer, 'files' | 'damaged' | 'mismatched'>): string {
  const differ = new Set([...damaged, ...mismatched].map(({ path }) => path)).size;
  if (differ === 0) return 'OK';
  const ways = [
    ...(damaged.length > 0 ? [`${formatCount(damaged.length)} corrupted`] : []),
    ...(mismatched.length > 0 ? [`${formatCount(mismatched.length)} not as published`] : []),
  ];
  return `${ways.join(', ')}; ${formatCount(Math.max(0, files - differ))} right, ${counted(differ, 'differs', 'differ')}`;
}

function damagedLines(damaged: VerifyAnswer['damaged'], look: Look): string[] {
  return damaged.flatMap(({ path, why, chunks, recopied }) => [
    `${look.paint('red', 'corrupted')}  ${plain(path)}`,
    `           ${plain(why)}${chunks.length > 0 ? ` (${counted(chunks.length, 'chunk')}: ${chunks.slice(0, 10).join(', ')})` : ''}`,
    `           ${recopied ? 'a new copy is being made' : 'out of service; it is copied again when its source is available'}`,
  ]);
}
