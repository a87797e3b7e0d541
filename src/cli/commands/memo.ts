import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { type MemoInvalidateRequest, type MemoSort, memoSorts } from '../../api/memo.ts';
import { CacheError } from '../../core/errors.ts';
import { resultCostText } from '../../core/format.ts';
import { agreed, agreedOrTold } from '../confirm.ts';
import { keysOf, namespaceIn, resultOf } from '../known-results.ts';
import { MemoClient } from '../memo-client.ts';
import { namedFile } from '../named-file.ts';
import { collect, count, duration } from '../options.ts';
import { type Answer, exitCodes } from '../print.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import {
  memoExplainPage,
  memoFoundPage,
  memoListPage,
  memoRemovalPage,
  memoStatusPage,
  memoVerifyPage,
  memoWarmPage,
} from '../text/memo-page.ts';
import { addMemoExec } from './memo-exec.ts';

interface Chosen {
  ns?: string;
  tag?: string[];
  dep?: string[];
  olderThan?: number;
  dryRun?: true;
  yes?: true;
}

const examples = `
Programs keep results with the routes of docs/MEMO.md.

Examples:
  autocached memo list --sort bytes
  autocached memo invalidate --tag model:sdxl
  autocached memo clear --ns shop --yes`;

const mostWarmBytes = 16 * 2 ** 20;

export function addMemo(program: Command, run: Run): void {
  const memo = program.command('memo').description('results that programs have computed').addHelpText('after', examples);
  addMemoExec(memo, run);

  memo
    .command('status')
    .description('show space and use of results')
    .action(
      run(async (session) => {
        const client = await memoOf(session);
        const [stats, namespaces] = await Promise.all([client.stats(), client.namespaces()]);
        return { data: { ...stats, namespaces }, page: (look) => memoStatusPage(stats, namespaces, look) };
      }),
    );

  memo
    .command('list')
    .description('list results')
    .option('--ns <name>', 'only of this namespace; a part of its name is enough')
    .option('--tag <tag>', 'only with this tag')
    .option('--search <text>', 'a part of the namespace, the key, the label or a tag')
    .addOption(new Option('--sort <by>', 'order').choices(memoSorts).default('used'))
    .option('--limit <number>', 'at most this many', count, 50)
    .action(
      run(async (session, options: { ns?: string; tag?: string; search?: string; sort: MemoSort; limit: number }) => {
        const client = await memoOf(session);
        const data = await client.entries({ ...options, ...(await namespaceIn(client, options)) });
        return { data, page: (look) => memoListPage(data, look) };
      }),
    );

  memo
    .command('get')
    .description('print a result, or where its file is')
    .argument('<key>', 'as memo list shows it; its beginning is enough, or a part of its label')
    .option('--ns <name>', 'its namespace, or a part of it')
    .action(
      run(async (session, key: string, { ns }: { ns?: string }): Promise<Answer> => {
        const client = await memoOf(session);
        const data = await client.get(await resultOf(client, key, ns));
        return { data, page: () => memoFoundPage(data), exitCode: data.state === 'miss' ? exitCodes.failed : exitCodes.done };
      }),
    );

  memo
    .command('explain')
    .description('say why a key would hit or miss now')
    .argument('<key>', 'as memo list shows it; its beginning is enough, or a part of its label')
    .option('--ns <name>', 'its namespace, or a part of it')
    .action(
      run(async (session, key: string, { ns }: { ns?: string }) => {
        const client = await memoOf(session);
        const data = await client.explain(await resultOf(client, key, ns));
        return { data, page: (look) => memoExplainPage(data, look) };
      }),
    );

  removing(memo, 'clear', 'delete results; says how many and asks first').action(
    run((session, options: Chosen) => remove(session, requestOf(options), options)),
  );

  removing(memo, 'invalidate', 'delete results that are no longer right, by tag, file or key')
    .argument('[key...]', 'as memo list shows them, parts of labels, or globs')
    .option('--tag <tag>', 'with this tag; may be given several times', collect)
    .option('--dep <path>', 'that came from this file; may be given several times', collect)
    .action(
      run((session, keys: string[], options: Chosen) => {
        const { all: _, ...request } = requestOf(options, session.cwd);
        const named = { ...request, ...(keys.length > 0 && { keys }) };
        if (Object.keys(named).every((name) => name === 'ns'))
          throw new CacheError('BAD_REQUEST', 'say which results', {
            hint: 'keys, --tag, --dep or --older-than; memo clear deletes all',
          });
        return remove(session, named, options, agreedOrTold);
      }),
    );

  memo
    .command('verify')
    .description('read all blobs again; damaged ones leave with their results')
    .action(
      run(async (session): Promise<Answer> => {
        const data = await (await memoOf(session)).verify();
        const exitCode = data.damaged.length > 0 ? exitCodes.difference : exitCodes.done;
        return { data, page: (look) => memoVerifyPage(data, look), exitCode };
      }),
    );

  memo
    .command('warm')
    .description('store results that are missing, and bring others into memory')
    .argument('<file>', 'JSON: a list of bodies of POST /api/memo/put, or {ns, url}; an item without a value is only looked up')
    .action(
      run(async (session, file: string) => {
        const data = await (await memoOf(session)).warm(await itemsIn(resolve(session.cwd, file)));
        return { data, page: (look) => memoWarmPage(data, look) };
      }),
    );
}

function removing(memo: Command, name: string, description: string): Command {
  return memo
    .command(name)
    .description(description)
    .option('--ns <name>', 'only of this namespace; a part of its name is enough')
    .option('--older-than <duration>', 'stored before this time, such as 30d', duration)
    .option('--dry-run', 'say how many, delete nothing')
    .option('-y, --yes', 'do not ask');
}

async function memoOf(session: Session): Promise<MemoClient> {
  return new MemoClient(await clientOf(session));
}

function requestOf({ ns, tag, dep, olderThan }: Chosen, cwd = ''): MemoInvalidateRequest {
  return {
    ...(ns !== undefined && { ns }),
    ...(tag && { tags: tag }),
    ...(dep && { deps: dep.map((path) => `file:${resolve(cwd, path)}`) }),
    ...(olderThan === undefined ? { all: true } : { olderThanMs: olderThan }),
  };
}

/** The request with whole names. */
async function named(client: MemoClient, request: MemoInvalidateRequest): Promise<MemoInvalidateRequest> {
  const ns = await namespaceIn(client, request);
  return { ...request, ...ns, ...(request.keys && { keys: await keysOf(client, request.keys, ns.ns) }) };
}

/** @param ask whether to ask; for named results, a script needs no `--yes` */
async function remove(
  session: Session,
  asked: MemoInvalidateRequest,
  { dryRun, yes }: Chosen,
  ask: typeof agreed = agreed,
): Promise<Answer> {
  const client = await memoOf(session);
  const request = await named(client, asked);
  if (dryRun || !yes) {
    const [{ current_items: of }, plan] = await Promise.all([client.stats(), client.invalidate({ ...request, dryRun: true })]);
    if (dryRun) return { data: plan, page: () => memoRemovalPage(plan, of) };
    // Nobody is asked when nothing is kept here; results that are being computed, or that other machines share, are removed all the same.
    const cost = resultCostText({ results: plan.removed, of, bytes: plan.bytes });
    if (plan.removed > 0 && !(await ask(session, cost, 'Delete them?')))
      return { data: plan, page: () => 'nothing removed', exitCode: exitCodes.failed };
  }
  const data = await client.invalidate(request);
  return { data, page: () => memoRemovalPage(data) };
}

/** The text of a JSON list. It is not parsed and printed again: its numbers may have more digits than JavaScript's. */
async function itemsIn(file: string): Promise<string> {
  const text = await namedFile(file, mostWarmBytes);
  let items: unknown;
  try {
    items = JSON.parse(text);
  } catch {
    throw new CacheError('BAD_REQUEST', `${file} is no JSON`);
  }
  if (!Array.isArray(items)) throw new CacheError('BAD_REQUEST', `${file} holds no list`);
  return text;
}
