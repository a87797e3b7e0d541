/**
 * Lookups as a loader makes them: a Python client on a kept-open connection requests files whose copies are ready; idle, with the
 * shim's proofs, while two copies run at full speed, and from 16 clients at once. Beside it, the same files with a plain
 * os.path.isfile.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { Installed } from './installed.ts';
import { keepCopying } from './keep-copying.ts';

const files = 200;
const seconds = 4;
const GiB = 2 ** 30;

interface Figures {
  p50: number;
  p99: number;
  perSecond: number;
}

await using installed = new Installed('bench-lookup', (root) => ({
  AUTOCACHE_ROOTS: `${root}=hdd`,
  AUTOCACHE_MIN_SIZE: '1KiB',
  AUTOCACHE_LIMIT: '20GiB',
  AUTOCACHE_JOBS: '2',
  AUTOCACHE_JOBS_PER_SOURCE: 'hdd=2',
}));
mkdirSync(join(installed.root, 'loras', 'sdxl'), { recursive: true });
const paths = Array.from({ length: files }, (_, index) => join(installed.root, 'loras', 'sdxl', `style-${index}.safetensors`));
for (const path of paths) writeFileSync(path, Buffer.alloc(4096, path));
const client = await installed.start();
const warmed = await client.warm({ paths, wait: true });
if (warmed.missing > 0)
  throw new Error(`${warmed.missing} files were not copied: ${JSON.stringify(warmed.items.find((item) => !item.ready))}`);

const token = readFileSync(client.daemon.tokenFile, 'utf8').trim();
const shim = fileURLToPath(new URL('../comfyui', import.meta.url));
const measure = async (clients: number, as: { shim?: string } = {}): Promise<Figures> => {
  const python = spawn('python3', [fileURLToPath(new URL('./lookup_client.py', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const job = { url: client.daemon.url, token, stateDir: installed.stateDir, paths, seconds, clients, ...as };
  python.stdin.end(JSON.stringify(job));
  const [output, [code]] = await Promise.all([text(python.stdout), once(python, 'exit')]);
  if (code !== 0) throw new Error('the Python client failed');
  return JSON.parse(output) as Figures;
};

const isfile = await measure(0);
const idle = await measure(1);
const proven = await measure(1, { shim });
const many = await measure(16);
const stopCopies = keepCopying(client, installed.root);
const copying = await measure(1);
const copied = await stopCopies();

const table = new Table({
  head: ['', 'p50 ms', 'p99 ms', 'per second', 'p50 / isfile', 'goal'],
  style: { head: [], border: [] },
});
const row = (name: string, { p50, p99, perSecond }: Figures, goal: string) =>
  table.push([name, p50.toFixed(3), p99.toFixed(3), Math.round(perSecond), (p50 / isfile.p50).toFixed(0), goal]);
row('os.path.isfile', isfile, '');
row('lookup, idle', idle, 'p50 <= 0.3, p99 <= 3');
row('lookup with proofs, idle', proven, 'p50 <= idle + 0.03');
row('lookup, two copies running', copying, 'p50 <= 0.4, p99 <= 3');
row('lookup, 16 clients', many, '>= 4000 a second');
console.log(`${files} files, ${seconds} s each; while copying, ${(copied / GiB).toFixed(1)} GiB were copied\n`);
console.log(table.toString());
