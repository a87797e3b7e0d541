import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { JobView, WarmAnswer, WarmItem } from '../../api/api.ts';
import { CacheError, sentenceOf, troubleOf } from '../../core/errors.ts';
import { plain } from '../../core/printable.ts';
import { isLeftAlone, jobTerms, reasonTerms } from '../../core/vocabulary.ts';
import { decodeUtf8 } from '../../runtime/utf8.ts';
import type { Client } from '../client.ts';
import { filesBelow } from '../file-tree.ts';
import { parseItemList } from '../item-list.ts';
import { itemsOf } from '../items.ts';
import { type JobsView, openJobsView } from '../jobs-view.ts';
import { knownItems } from '../known-items.ts';
import { withCommander } from '../options.ts';
import { type Answer, exitCodes } from '../print.ts';
import { withoutAddresses } from '../remote-address.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import { warmPage } from '../text/warm-page.ts';
import { jobOf, waitForJobs } from '../wait-for-jobs.ts';
import { workflowIn } from '../workflow-file.ts';

interface Options {
  from?: string;
  check?: true;
  wait: boolean;
  ram?: true;
  hosts?: number | 'all';
}

const examples = `
A list holds one item a line, or several with commas between them, or is a JSON
array; # starts a comment.

A workflow (JSON, or a PNG or WebP image that ComfyUI has saved) stands for the
models that it loads, in load order.

Examples:
  autocached warm checkpoints/a.safetensors loras:style.safetensors
  autocached warm /mnt/nas/models/unet
  autocached warm --from favourites.txt --check
  autocached warm portrait.json image.png
  autocached warm flux1-dev.safetensors --hosts all
  autocached warm s3://bucket/models/loras/a.safetensors hf://org/repo
  grep flux all-models.txt | autocached warm -`;

export function addWarm(program: Command, run: Run): void {
  program
    .command('warm')
    .description('copy files to the fast disk now and wait for them')
    .argument(
      '[item...]',
      'path, directory, category/name, a part of the name, glob, workflow, address on a remote, or - for a list on standard input',
    )
    .option('--from <file>', 'read the items from a file')
    .option('--check', 'copy nothing, only report; exit code 4 if something is missing')
    .option('--wait', 'wait until all are copied or have failed', true)
    .option('--no-wait', 'queue the copies and return at once')
    .option('--ram', 'also copy into the RAM tier; without one, read the copies once into the page cache')
    .option(
      '--hosts <number>',
      'number of hosts of the farm that should have them, this one included; all = every host',
      hostCount,
    )
    .addHelpText('after', examples)
    .action(run(warm));
}

async function warm(session: Session, words: string[], options: Options): Promise<Answer> {
  const listed = await Promise.all(
    [...words.filter((word) => word === '-'), ...(options.from ? [options.from] : [])].map(read),
  );
  const lists = listed.flatMap((text) => parseItemList(text, (word) => existsSync(resolve(session.cwd, word))));
  const asked = words.filter((word) => word !== '-');
  if (asked.length + lists.length === 0) {
    throw new CacheError('BAD_REQUEST', 'nothing to warm', {
      hint: 'name files, a directory or category/name, or give a list with --from',
    });
  }
  const client = await clientOf(session);
  const named = await withoutAddresses(asked, client);
  const items = [...(await knownItems(named, session, client)), ...(await withoutAddresses(lists, client))];
  const files = await withoutDirectories(await withoutWorkflows(itemsOf(items, session), client), session);
  const { hosts } = options;
  if (hosts !== undefined && options.ram) {
    throw new CacheError('BAD_REQUEST', 'the memory of other hosts is their own affair: give --ram or --hosts, not both');
  }
  const request = { ...files, ...(options.ram && { ram: true }), ...(hosts !== undefined && { hosts }) };
  if (options.check) {
    const data = await client.warm({ ...request, check: true });
    const isMissing = data.items.some((item) => !item.ready && !isLeftAlone(item.reason)) || isLacking(data, hosts);
    return { data, page: (look) => warmPage(data, look), exitCode: isMissing ? exitCodes.difference : exitCodes.done };
  }
  const data = await (options.wait ? warmAndWait(client, { request, session }) : client.warm(request));
  const failed =
    data.items.some((item) => !item.ready && !isLeftAlone(item.reason) && (options.wait || !item.job)) ||
    (options.wait && isLacking(data, hosts));
  return { data, page: (look) => warmPage(data, look), exitCode: failed ? exitCodes.failed : exitCodes.done };

  function read(name: string): Promise<string> {
    if (name === '-') return readAll(session.in);
    const path = resolve(session.cwd, name);
    return readFile(path)
      .then((bytes) => decodeUtf8(bytes, path))
      .catch((cause: unknown) => {
        throw new CacheError('BAD_REQUEST', `the list cannot be read: ${sentenceOf(cause)}`, { cause });
      });
  }
}

/** Replaces a workflow by the models that it loads. */
async function withoutWorkflows({ paths, names, globs = [] }: Files, client: Client): Promise<Files> {
  const others: string[] = [];
  const models: string[] = [];
  for (const path of paths) {
    const workflow = await workflowIn(path);
    if (!workflow) others.push(path);
    else
      models.push(...(await client.analyze(workflow)).models.map(({ category, name }) => `${category ?? 'unknown'}/${name}`));
  }
  return { paths: others, names: [...new Set([...names, ...models])], globs };
}

/** Replaces a directory by the files below it; the daemon decides which of them it would cache. */
async function withoutDirectories({ paths, names, globs = [] }: Files, { err }: Session): Promise<Files> {
  const expanded: string[] = [];
  for (const path of paths) {
    const isDirectory = await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (!isDirectory) expanded.push(path);
    else
      expanded.push(
        ...(await filesBelow(path, (at, error) => err.write(`${plain(`cannot list ${at}: ${troubleOf(error)}`)}\n`))),
      );
  }
  return { paths: expanded, names, ...(globs.length > 0 && { globs }) };
}

interface Files {
  paths: string[];
  names: string[];
  globs?: string[];
}

interface Work {
  request: Files & { ram?: boolean; hosts?: number | 'all' };
  session: Session;
}

async function warmAndWait(client: Client, { request, session }: Work): Promise<WarmAnswer> {
  const { ram, hosts, ...files } = request;
  if (hosts !== undefined) {
    // The other hosts' outcome is reported when they have ended; this host's progress is shown meanwhile.
    const others = client.warm({ ...request, wait: true });
    const [own, told] = await Promise.all([warmAndWait(client, { request: files, session }), others]);
    return { ...own, hosts: told.hosts };
  }
  const over = new AbortController();
  const events = await client.events(AbortSignal.any([over.signal, session.unread]));
  try {
    const asked = await client.warm(files);
    using view = openJobsView(session);
    const jobs = asked.items.flatMap((item) => (item.job && !item.ready ? [item.job] : []));
    const ended = await waitForJobs(jobs, { client, events, onUpdate: (job) => view.update(job) });
    const items = await whole(await outcomes(asked.items, ended));
    if (ram) {
      void showIntoRam(items, view);
      return await client.warm({ ...request, wait: true });
    }
    const ready = items.filter((item) => item.ready).length;
    return { items, ready, missing: items.length - ready };
  } finally {
    over.abort();
  }

  /** Requests quick copies from tier to tier once, and shows them meanwhile. */
  async function showIntoRam(items: WarmItem[], view: JobsView): Promise<void> {
    for await (const event of events) {
      const job = jobOf(event);
      if (job?.tier === 'ram' && items.some(({ path }) => path === job.path)) view.update(job);
    }
  }

  /** A model is ready when the shards, settings and the like that belong to it are copied too, by jobs of their own. */
  async function whole(items: WarmItem[]): Promise<WarmItem[]> {
    const copied = items.flatMap(({ path, job }) => (path !== null && job?.state === 'done' ? [path] : []));
    if (copied.length === 0) return items;
    const now = new Map((await client.warm({ paths: copied, wait: true })).items.map((item) => [item.path, item]));
    return items.map((item) => {
      const { ready = true, reason = item.reason, message = null } = now.get(item.path) ?? {};
      return ready ? item : { ...item, job: null, ready, reason, message: message ?? 'files that belong to it are missing' };
    });
  }

  /** The daemon is asked for the state of jobs without a reported end. */
  async function outcomes(items: WarmItem[], ended: Map<number, JobView>): Promise<WarmItem[]> {
    const isOpen = (item: WarmItem) => item.job !== null && !item.ready && !ended.has(item.job.id);
    const now = items.some(isOpen) ? (await client.warm({ ...files, check: true })).items : [];
    return items.map(
      (item) => (isOpen(item) ? now.find((other) => other.item === item.item) : null) ?? withOutcome(item, ended),
    );
  }
}

/** Whether other hosts lack a file that they should have, or there are too few hosts. */
function isLacking({ hosts = [], items }: WarmAnswer, wanted: number | 'all' | undefined): boolean {
  if (hosts.some((host) => host.items.some(({ ready, reason }) => !ready && !(reason !== null && isLeftAlone(reason)))))
    return true;
  return typeof wanted === 'number' && items.length > 0 && hosts.length < wanted - 1;
}

const hostCount = withCommander((text: string): number | 'all' => {
  if (text === 'all') return text;
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new Error(`expected all, or a whole number from 1 to 999, got "${text}"`);
  return Number(text);
});

function withOutcome(item: WarmItem, ended: Map<number, JobView>): WarmItem {
  const job = item.job && ended.get(item.job.id);
  if (!job || item.ready) return item;
  if (job.state === 'done') {
    const { word, says } = reasonTerms.HIT;
    return { ...item, job, ready: true, reason: 'HIT', word, why: says, message: null };
  }
  const { word, says } = jobTerms[job.state];
  return { ...item, job, reason: 'ERROR', word, why: says, message: job.error?.message ?? word };
}
