/** A process that reads a remote as the daemon's do: copies one object or lists all, and prints the cost as JSON. */
import { join } from 'node:path';
import type { S3Remote } from '../src/core/remote.ts';
import { boundOldGeneration } from '../src/runtime/heap.ts';
import { driverFor } from '../src/sources/driver-for.ts';
import { openPosixTier } from '../src/tiers/posix-tier.ts';
import { runCopyJob } from '../src/transfer/run-copy-job.ts';
import { mostMemoryOf } from './figures.ts';

const [what, remoteJson = '', cacheDir = '', rel = ''] = process.argv.slice(2);
const root = '/remotes/bench';
const remote = JSON.parse(remoteJson) as S3Remote;
const driver = await driverFor({ root, remote, network: true });
const startedAt = performance.now();

if (what === 'list') {
  boundOldGeneration();
  let files = 0;
  const before = process.memoryUsage.rss();
  const onBatch = ({ rels }: { rels: string[] }) => {
    files += rels.length;
  };
  await driver.list(root, { onBatch });
  print({ files, grownMiB: mostMemoryOf(process.pid) - before / 2 ** 20 });
} else {
  const path = join(root, rel);
  const found = await driver.stat(path);
  if (found.is !== 'file') throw new Error(`${rel} is ${found.is}`);
  const { size, mtimeNs, ctimeNs } = found;
  const tier = openPosixTier('ssd', cacheDir);
  const fingerprint = { size, mtimeNs: String(mtimeNs), ctimeNs: String(ctimeNs), ino: null };
  const order = {
    kind: 'copy' as const,
    id: 1,
    source: { path, root, rel, category: null, fingerprint },
    temp: join(tier.partialDir, 'bench.part'),
    ...tier.placeOf(root, rel),
    remote,
    network: true,
    shared: false,
    slow: false,
    identity: false,
    reread: false,
    reflinkCandidates: [],
  };
  const report = await runCopyJob(order, {
    progress: (bytes) => print({ bytes }),
    resuming: () => {},
    paced: () => false,
    ask: async () => {},
    urgent: () => true,
    signal: new AbortController().signal,
  });
  print({ path: order.path, resumedFrom: report.resumedFrom });
}
process.exit();

function print(facts: object): void {
  const { user, system } = process.cpuUsage();
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(JSON.stringify({ ...facts, seconds, cpuSeconds: (user + system) / 1e6, mostMiB: mostMemoryOf(process.pid) }));
}
