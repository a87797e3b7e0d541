import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type DaemonProcess, endDaemonProcess, startDaemonProcess } from '../helpers/daemon-process.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { countingSteps, killAtEveryStep, type Life } from './kill-matrix.ts';

const blobs = {
  first: Buffer.alloc(200_000, 1),
  second: Buffer.alloc(150_000, 2),
  staged: Buffer.alloc(100_000, 3),
  inFile: Buffer.alloc(90_000, 4),
};
const long = 'x'.repeat(60_000);
const limit = 500_000;
const key = (index: number) => index.toString(16).padStart(64, '0');
const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** The results that a life stores, in this order; the third replaces the first, and the last ones make others leave. */
const results: { key: string; body: object; blob?: Buffer; isStaged?: 'blob' | 'result' }[] = [
  { key: key(1), body: { blob: sha(blobs.first), tags: ['t'] }, blob: blobs.first },
  { key: key(2), body: { value: long } },
  { key: key(1), body: { blob: sha(blobs.second) }, blob: blobs.second },
  ...[3, 4, 5, 6, 7].map((index) => ({ key: key(index), body: { value: `${index}${long}` } })),
  { key: key(8), body: { value: 'short', deps: ['file:/nowhere'] } },
  { key: key(9), body: { blob: sha(blobs.staged) }, blob: blobs.staged, isStaged: 'blob' },
  { key: key(10), body: {}, blob: blobs.inFile, isStaged: 'result' },
];

test('a daemon that is killed at every step of storing results has none that is wrong, and nothing left over', async () => {
  await killAtEveryStep('results', 40, run);
});

/** One life of the daemon, cut short before step `at` (0 = not), and what is found in the next. */
async function run(at: number): Promise<Life> {
  const dir = tempDir();
  const log = join(dir, 'steps');
  writeFileSync(log, '');
  const settings = { AUTOCACHE_MEMO_LIMIT: `${limit}` };
  const environment = {
    CRASH_AT: `${at}`,
    CRASH_LOG: log,
    CRASH_BELOW: join(dir, 'cache', 'memo'),
    CRASH_ROWS: 'entries \\(ns|FROM entries|blobs|entry_blobs|tags|deps',
  };
  const first = await startDaemonProcess({ dir, settings, environment, nodeOptions: countingSteps });
  const stored = new Map<string, string>();
  const wrong: string[] = [];
  try {
    for (const result of results) {
      const held = bytesHeld(dir);
      if (held > limit) wrong.push(`${held} bytes are held, the limit is ${limit}`);
      await store(first, result);
      stored.set(result.key, JSON.stringify(result.body));
    }
  } catch {
    // It was killed.
  }
  // What is behind its answers is done when it has ended.
  await endDaemonProcess(first.child);
  const steps = readFileSync(log, 'utf8').trimEnd().split('\n');
  const second = await startDaemonProcess({ dir, settings });
  wrong.push(...(await violations(second, dir, stored)));
  await endDaemonProcess(second.child);
  rmSync(dir, { recursive: true });
  return { fired: first.child.signalCode === 'SIGKILL', steps, wrong };
}

async function store(daemon: DaemonProcess, { key: of, body, blob, isStaged }: (typeof results)[number]): Promise<void> {
  const ask = (path: string, asked: object) => send(daemon, 'POST', path, Buffer.from(JSON.stringify(asked)));
  const staged = blob && isStaged && (await stage(daemon, blob));
  if (isStaged === 'blob') await ask('/api/memo/blobs', { staged });
  else if (blob && !staged) await send(daemon, 'PUT', `/api/memo/blobs/${sha(blob)}`, blob);
  const { status } = await ask('/api/memo/put', { ns: 'n', key: of, ...body, ...(isStaged === 'result' && { staged }) });
  if (status !== 200) throw new Error(`put answered ${status}`);
  // What is stored behind the answer is there.
  if (isStaged === 'result') await ask('/api/memo/get', { ns: 'n', key: of });
}

/** Fills a file of the daemon. @returns its name */
async function stage(daemon: DaemonProcess, blob: Buffer): Promise<string> {
  const { text } = await send(daemon, 'POST', '/api/memo/stage', Buffer.from(JSON.stringify({ size: blob.length })));
  const { staged, path } = JSON.parse(text) as { staged: string; path: string };
  writeFileSync(path, blob);
  return staged;
}

/** What may not be after any crash. */
async function violations(daemon: DaemonProcess, dir: string, stored: Map<string, string>): Promise<string[]> {
  const wrong: string[] = [];
  const served = new Set<string>();
  for (let index = 1; index <= 10; index += 1) {
    const { text } = await send(daemon, 'POST', '/api/memo/get', Buffer.from(JSON.stringify({ ns: 'n', key: key(index) })));
    const found = JSON.parse(text);
    if (found.state === 'miss') continue;
    const candidates = results.filter((result) => result.key === key(index));
    const isRight = candidates.some(({ body, blob }) =>
      blob
        ? sha(readFileSync(found.path)) === sha(blob) && found.sha256 === sha(blob)
        : found.value === (body as { value: string }).value,
    );
    if (!isRight) wrong.push(`key ${index} has a wrong value`);
    served.add(key(index));
  }
  // What leaves for others is the large; this one was answered as stored.
  if (stored.has(key(8)) && !served.has(key(8))) wrong.push('a result that was stored is gone');
  const leftovers = async () => {
    const { memo } = await daemon.client.stats();
    return { files: filesIn(dir).length - memo.blobs, bytes: bytesHeld(dir) > memo.bytes, reserved: memo.reserved };
  };
  await expect
    .poll(leftovers, { timeout: 30_000 })
    .toEqual({ files: 0, bytes: false, reserved: 0 })
    .catch((error: Error) => {
      wrong.push(`left over: ${error.message.split('\n')[0]} ${filesIn(dir).join()}`);
    });
  return wrong;
}

/** All files of blobs, finished or not. */
function filesIn(dir: string): string[] {
  const folders = ['cas', 'partial'].map((name) => join(dir, 'cache', 'memo', name)).filter((folder) => existsSync(folder));
  const entries = folders.flatMap((folder) => readdirSync(folder, { recursive: true, withFileTypes: true }));
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

function bytesHeld(dir: string): number {
  return filesIn(dir).reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
}

function send(
  { client }: DaemonProcess,
  method: string,
  path: string,
  body: Buffer,
): Promise<{ status: number; text: string }> {
  const { url, tokenFile } = client.daemon;
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`,
      'content-type': method === 'PUT' ? 'application/octet-stream' : 'application/json',
      'content-length': body.length,
    };
    const asked = request(`${url}${path}`, { method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text })).on('error', reject);
    });
    asked.on('error', reject);
    asked.end(body);
  });
}
