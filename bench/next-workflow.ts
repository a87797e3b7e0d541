/**
 * Share of next workflows that are foreseen, over recorded runs, one after the other as a daemon learns.
 *
 *     npm run bench -- next-workflow DIRECTORY
 *
 * DIRECTORY holds traces as CSV with the columns `ts`, `node`, `run` and `wf`; names such as `artist-0` are grouped by the part before the
 * dash. Each switch from one workflow to another is predicted from the runs before it. Beside it: Markov of first order, with the
 * popular ones where a workflow was never followed by anything. Times are processor time of one prediction.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import Table from 'cli-table3';
import { NextWorkflow } from '../src/policy/next-workflow.ts';

interface Run {
  at: number;
  workflow: string;
}

/** Markov of first order over all past runs, backed off to the workflows popular this week. */
class Markov {
  readonly #follows = new Map<string, Map<string, number>>();
  readonly #popular = new Map<string, { count: number; at: number }>();
  #current: string | null = null;

  guesses(now: number): string[] {
    const follows = this.#follows.get(this.#current ?? '') ?? new Map<string, number>();
    const popular = [...this.#popular].filter(([id]) => id !== this.#current);
    const worth = ([id, { count, at }]: (typeof popular)[number]) => (follows.get(id) ?? 0) + 1e-3 * count * fade(now - at);
    return popular
      .map((one) => ({ id: one[0], worth: worth(one) }))
      .sort((a, b) => b.worth - a.worth)
      .map(({ id }) => id);
  }

  ran(id: string, at: number): void {
    if (id === this.#current) return;
    const follows = this.#follows.get(this.#current ?? '') ?? new Map<string, number>();
    follows.set(id, (follows.get(id) ?? 0) + 1);
    this.#follows.set(this.#current ?? '', follows);
    const popular = this.#popular.get(id);
    this.#popular.set(id, { count: (popular ? popular.count * fade(at - popular.at) : 0) + 1, at });
    this.#current = id;
  }
}

function fade(ms: number): number {
  return 2 ** (-ms / (7 * 86_400_000));
}

/** The runs of each host. */
function runsOf(path: string): Run[][] {
  const [head = '', ...lines] = gunzipSync(readFileSync(path)).toString().trim().split('\n');
  const columns = head.split(',');
  const at = (line: string[], title: string) => line[columns.indexOf(title)] ?? '';
  const seen = new Set<string>();
  const hosts = new Map<string, Run[]>();
  for (const text of lines) {
    const line = text.split(',');
    if (seen.has(at(line, 'run'))) continue;
    seen.add(at(line, 'run'));
    const runs = hosts.get(at(line, 'node')) ?? [];
    hosts.set(at(line, 'node'), runs);
    runs.push({ at: Number(at(line, 'ts')) * 1000, workflow: at(line, 'wf') });
  }
  return [...hosts.values()].map((runs) => runs.sort((a, b) => a.at - b.at));
}

const counts = ['first', 'among three', 'Markov, first', 'Markov, among three'] as const;
type Count = Record<(typeof counts)[number] | 'switches', number>;
let spent = 0;

function judge(runs: readonly Run[], count: Count): void {
  const [next, markov] = [new NextWorkflow(), new Markov()];
  let last: Run | null = null;
  for (const run of runs) {
    if (last && last.workflow !== run.workflow) {
      const began = process.cpuUsage();
      const guesses = next.guesses(last.at).map(({ id }) => id);
      const { user, system } = process.cpuUsage(began);
      spent += (user + system) / 1000;
      const simple = markov.guesses(last.at);
      count.switches += 1;
      count.first += Number(guesses[0] === run.workflow);
      count['among three'] += Number(guesses.includes(run.workflow));
      count['Markov, first'] += Number(simple[0] === run.workflow);
      count['Markov, among three'] += Number(simple.slice(0, 3).includes(run.workflow));
    }
    next.ran(run.workflow, run.at);
    markov.ran(run.workflow, run.at);
    last = run;
  }
}

const directory = process.argv[2];
if (directory === undefined) throw new Error('usage: npm run bench -- next-workflow DIRECTORY');
const names = readdirSync(directory).filter((name) => /^[^.]+\.csv\.gz$/.test(name));
const table = new Table({ head: ['', 'switches', ...counts], style: { head: [], border: [], compact: true } });
const means: number[][] = [];
let switches = 0;
for (const [profile = '', traces = []] of Map.groupBy(names, (name) => name.split('-')[0])) {
  const count: Count = { switches: 0, first: 0, 'among three': 0, 'Markov, first': 0, 'Markov, among three': 0 };
  for (const trace of traces) for (const runs of runsOf(join(directory, trace))) judge(runs, count);
  const rates = counts.map((name) => count[name] / Math.max(1, count.switches));
  means.push(rates);
  switches += count.switches;
  table.push([profile, count.switches, ...rates.map((rate) => rate.toFixed(3))]);
}
const mean = counts.map((_, k) => means.reduce((sum, rates) => sum + (rates[k] ?? 0), 0) / means.length);
table.push(['mean', switches, ...mean.map((rate) => rate.toFixed(3))]);
console.log(table.toString());
const gain = (mean[1] ?? 0) / (mean[3] ?? 1) - 1;
console.log(`among three: ${(100 * gain).toFixed(1)} % better than Markov; ${(spent / switches).toFixed(2)} ms a prediction`);
