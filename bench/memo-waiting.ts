/** Many callers of several programs wait for one computation: how long after its end the last of them has the result. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { MemoStats } from '../src/api/memo.ts';
import type { Client } from '../src/cli/client.ts';
import { createMemo } from '../src/index.ts';

/** The daemon that is measured. */
export interface Where {
  client: Client;
  stateDir: string;
  url: string;
  token: string;
}

/** A program whose callers wait. It stays until `end`: the end of an interpreter takes as long as all of a wait, and is none of it. */
interface Program {
  /** When each of its callers had the result, in seconds of the clock. */
  got: Promise<number[]>;
  end(): Promise<void>;
}

/** Callers of each of eight programs. */
const shares = [13, 13, 13, 13, 12, 12, 12, 12];
const rounds = 5;
/** Timeout of each program, ms. */
const longestMs = 90_000;
const value = { width: 64, text: 'x'.repeat(200) };

/** 100 callers in four Node and four Python programs, which use the clients: one question for each program. */
export function lastCaller(where: Where): Promise<string> {
  const { stateDir } = where;
  const start = (parts: string) => (calls: number, index: number) =>
    index % 2 === 0 ? inPython(where, { store: 'callers', calls, stateDir, parts }) : inNode({ stateDir, calls, parts });
  return lastOf(where, { isWaiting: shares.length, who: '100 callers of 4 Node and 4 Python programs' }, start);
}

/** 100 connections of eight Python programs, without a client that joins them. */
export function lastConnection(where: Where): Promise<string> {
  const start = (parts: string) => (waiters: number) => inPython(where, { store: 'waiters', waiters, parts });
  return lastOf(where, { isWaiting: 100, who: '100 connections of 8 Python programs' }, start);
}

async function lastOf(
  where: Where,
  { isWaiting, who }: { isWaiting: number; who: string },
  start: (parts: string) => (share: number, index: number) => Program,
): Promise<string> {
  const took: { first: number; last: number }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const parts = `${who} ${round}`;
    took.push(await measured(where, { parts, isWaiting }, () => shares.map(start(parts))));
  }
  took.sort((a, b) => a.last - b.last);
  const { first = 0, last = 0 } = took[Math.floor(rounds / 2)] ?? {};
  const [best, worst] = [took[0]?.last ?? 0, took.at(-1)?.last ?? 0];
  return (
    `${who} wait: the first has the result ${first.toFixed(0)} ms after its computation, the last after ${last.toFixed(0)} ms` +
    ` (median of ${rounds}; ${best.toFixed(0)} to ${worst.toFixed(0)}); goal <= 20 ms`
  );
}

async function measured(
  { client, stateDir }: Where,
  { parts, isWaiting }: { parts: string; isWaiting: number },
  start: () => Program[],
): Promise<{ first: number; last: number }> {
  const memo = createMemo({ namespace: 'bench', stateDir });
  const result = Promise.withResolvers<object>();
  const leased = Promise.withResolvers<void>();
  const computing = memo.getOrCompute(parts, () => {
    leased.resolve();
    return result.promise;
  });
  await leased.promise;
  const programs = start();
  const answers = Promise.all(programs.map(({ got }) => got));
  // A program that fails ends the wait.
  const done = answers.then(() => true);
  while ((await client.ask<MemoStats>('GET', '/api/cache/stats?plane=memo')).waiting < isWaiting)
    if (await Promise.race([done, sleep(50)])) break;
  // Threads that follow another one of their program are not seen from here.
  await sleep(1000);
  const end = Date.now();
  result.resolve(value);
  await computing;
  memo.close();
  const after = (await answers).flat().map((at) => at * 1000 - end);
  await Promise.all(programs.map((program) => program.end()));
  return { first: Math.min(...after), last: Math.max(...after) };
}

function inPython({ url, token }: Where, job: object): Program {
  const file = fileURLToPath(new URL('./memo_client.py', import.meta.url));
  return program('python3', [file], { ...job, url, token });
}

function inNode(job: object): Program {
  return program(process.execPath, [fileURLToPath(new URL('./memo-callers.ts', import.meta.url))], job);
}

/** The job is the program's first line of input, and the end of its input is its own. */
function program(name: string, args: string[], job: object): Program {
  const child = spawn(name, args, { stdio: ['pipe', 'pipe', 'inherit'], timeout: longestMs });
  const exit = once(child, 'exit').then(([code]) => {
    if (code !== 0) throw new Error(`${args[0]} failed`);
  });
  child.stdin.write(`${JSON.stringify(job)}\n`);
  const line = once(createInterface(child.stdout), 'line');
  const got = Promise.race([line, exit]).then((found) => {
    if (!found) throw new Error(`${args[0]} gave no answer`);
    return JSON.parse(String(found[0])) as number[];
  });
  const end = () => {
    child.stdin.end();
    return exit;
  };
  return { got, end };
}
