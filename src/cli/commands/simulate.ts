import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { SingleBar } from 'cli-progress';
import { type Command, Option } from 'commander';
import { CacheError, troubleOf } from '../../core/errors.ts';
import { parseShare, parseSize } from '../../core/units.ts';
import { type Bound, parseBounds } from '../../replay/bounds.ts';
import {
  type CacheSize,
  type ColdType,
  coldTypes,
  type SimulatedPolicy,
  simulate,
  simulatedPolicies,
} from '../../replay/simulate.ts';
import { simulateAhead } from '../../replay/simulate-ahead.ts';
import { parseArrivals, parseTrace, type Read, type Trace } from '../../replay/trace.ts';
import { withCommander } from '../options.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import { simulateRecorded } from '../simulate-recorded.ts';
import { aheadPage } from '../text/ahead-page.ts';
import { recordedPage } from '../text/recorded-page.ts';
import { simulationPage } from '../text/simulation-page.ts';

interface Options {
  sizes: CacheSize[];
  policies: SimulatedPolicy[];
  cold?: ColdType | true;
  fromCatalog?: true;
  ahead?: true;
}

const example = `
A trace is CSV, also compressed with gzip: a line for each read of a model file,
with the columns ts (seconds), file and size (bytes), and if known tier (hdd,
nas, nas10g), speed (bytes per second), node (a cache for each), dtype (bf16,
f16, ...) or ratio (size over compressed size), ram_hit (1 = was not read), run
and submit_ts (the prompt, and when it joined the queue).

With a bounds.json beside the traces, figures are also a share of what no
schedule can exceed; its cache sizes count. Files NAME.catalog.csv are no
traces: with the columns file, size, tier and birth (the second at which it
appeared) they tell --ahead which files were new in the library of NAME.csv.

Examples:
  autocached simulate reads.csv --sizes 20%,200GiB --cold
  autocached simulate reads.csv --ahead
  autocached simulate --from-catalog`;

export function addSimulate(program: Command, run: Run): void {
  const list = <T>(parse: (text: string) => T) => withCommander((text) => text.split(',').map((part) => parse(part.trim())));
  program
    .command('simulate')
    .description('replay recorded reads with each policy and cache size')
    .argument('[trace...]', 'files that were read, as CSV')
    .option('--from-catalog', 'the loads that the daemon has recorded: which policy and which limit would have been best')
    .addOption(
      new Option('--sizes <sizes>', 'cache sizes: bytes, or shares of all that was read')
        .argParser(list(parseCacheSize))
        .default([{ share: 0.1 }, { share: 0.2 }, { share: 0.4 }], '10%,20%,40%'),
    )
    .addOption(
      new Option('--policies <names>', 'which of them')
        .argParser(list(parsePolicy))
        .default(simulatedPolicies, simulatedPolicies.join()),
    )
    .addOption(
      new Option('--cold [dtype]', 'also with a cold tier; the type of the weights where the trace does not say it').choices(
        coldTypes,
      ),
    )
    .option('--ahead', 'savings of copies made before the load, by each way of predicting it; with heat if no policy is given')
    .addHelpText('after', example)
    .action(
      run(async (session, files: string[], { sizes, policies, cold, fromCatalog, ahead }: Options, command: Command) => {
        const isGiven = (name: string) => command.getOptionValueSource(name) === 'cli';
        if (ahead && (fromCatalog || cold !== undefined)) throw new CacheError('BAD_REQUEST', 'give --ahead traces alone');
        if (fromCatalog) {
          if (files.length > 0) throw new CacheError('BAD_REQUEST', 'give traces, or --from-catalog');
          const chosen = { policies, ...(isGiven('sizes') && { sizes }), ...(cold !== undefined && { cold }) };
          const data = await simulateRecorded(await clientOf(session), chosen);
          return { data, page: (look) => recordedPage(data, look) };
        }
        const paths = files.map((file) => resolve(session.cwd, file)).filter((path) => !catalogName.test(path));
        if (paths.length === 0) {
          throw new CacheError('BAD_REQUEST', files.length === 0 ? 'no trace is named' : 'none of these files is a trace', {
            hint: 'autocached trace export FILE writes one; --from-catalog needs none',
          });
        }
        const bounds = await boundsBeside(paths);
        const traces = await Promise.all(paths.map((path) => readTrace(path)));
        if (ahead) {
          const arrived = await Promise.all(paths.map((path) => arrivalsBeside(path)));
          const known = traces.map((trace, k) => ({ ...trace, arrived: arrived[k] ?? [] }));
          const request = {
            sizes,
            policies: isGiven('policies') ? policies : (['heat'] as const satisfies SimulatedPolicy[]),
            bounds,
          };
          const data = await withProgress(session, (onProgress) => simulateAhead(known, request, onProgress));
          return { data, page: (look) => aheadPage(data, look) };
        }
        const request = { sizes, policies, cold: cold === true ? 'bf16' : (cold ?? null), bounds } as const;
        const data = await withProgress(session, (onProgress) => simulate(traces, request, onProgress));
        return { data, page: (look) => simulationPage(data, look) };
      }),
    );
}

/** Name of a recorded library of a host, beside its reads. */
const catalogName = /\.catalog\.csv(\.gz)?$/;

/** The bounds in the directories of these traces. */
async function boundsBeside(traces: readonly string[]): Promise<Map<string, Bound[]>> {
  const found = new Map<string, Bound[]>();
  for (const directory of new Set(traces.map((path) => dirname(path)))) {
    const path = join(directory, 'bounds.json');
    const text = await readFile(path, 'utf8').catch(() => null);
    if (text === null) continue;
    for (const [trace, bounds] of parseBounds(path, text)) found.set(trace, bounds);
  }
  return found;
}

/** The files that appeared while a trace was recorded; none without a catalog beside it. */
async function arrivalsBeside(trace: string): Promise<Read[]> {
  const stem = trace.replace(/\.csv(\.gz)?$/, '');
  for (const path of [`${stem}.catalog.csv.gz`, `${stem}.catalog.csv`]) {
    const bytes = await readFile(path).catch(() => null);
    if (bytes) return parseArrivals(path, textOf(bytes));
  }
  return [];
}

/** Without the mark at the beginning of files from spreadsheets. */
function textOf(bytes: Buffer): string {
  return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString().replace(/^\uFEFF/, '');
}

async function readTrace(path: string): Promise<Trace> {
  const name = basename(path).replace(/\.csv(\.gz)?$/, '');
  try {
    const trace = parseTrace(name, textOf(await readFile(path)));
    if (trace.footprint > 0) return trace;
  } catch (error) {
    throw error instanceof CacheError ? error : new CacheError('BAD_REQUEST', `${path} cannot be read: ${troubleOf(error)}`);
  }
  throw new CacheError('BAD_REQUEST', `${path} has no reads of files`, {
    hint: 'it needs a line for each read, below the titles ts,file,size',
  });
}

async function withProgress<T>(
  session: Session,
  work: (onProgress?: (done: number, total: number) => void) => Promise<T>,
): Promise<T> {
  if (session.json || !session.err.isTTY) return work();
  const bar = new SingleBar({ stream: session.err, format: '{bar} {percentage} %', clearOnComplete: true });
  bar.start(1, 0);
  try {
    return await work((done, total) => bar.update(done / total));
  } finally {
    bar.stop();
  }
}

function parseCacheSize(text: string): CacheSize {
  return text.endsWith('%') ? { share: parseShare(text) } : { bytes: parseSize(text) };
}

function parsePolicy(text: string): SimulatedPolicy {
  const policy = simulatedPolicies.find((name) => name === text);
  if (!policy) throw new CacheError('BAD_REQUEST', `"${text}" is none of ${simulatedPolicies.join(', ')}`);
  return policy;
}
