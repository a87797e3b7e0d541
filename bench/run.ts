/** `npm run bench -- NAME`: runs one benchmark, or lists them. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const notBenchmarks = new Set([
  'run',
  'demo',
  'installed',
  'weights',
  'fine-tunes',
  'many-copies',
  'slow-mount',
  'comfyui-server',
  'memo-others',
  'memo-callers',
  'memo-waiting',
  'free-port',
  'keep-copying',
  'figures',
  'browser',
  'sample-library',
  'sample-daemon',
  'screenshots',
  'remote-keys',
  'remote-link',
  'remote-reader',
  'remote-server',
  'remote-storm',
  'farm-hosts',
  'farm-host',
  'farm-liar',
  'farm-network',
  'farm-origin',
  'orders',
  'process-tree',
]);
const names = readdirSync(import.meta.dirname).flatMap((file) => {
  const name = file.endsWith('.ts') ? file.slice(0, -3) : '';
  return name && !notBenchmarks.has(name) ? [name] : [];
});
const wanted = process.argv[2];
if (wanted !== undefined && names.includes(wanted)) {
  // The benchmark sees its own file and arguments: one that starts itself anew, for another allocator, comes back to itself.
  const file = join(import.meta.dirname, `${wanted}.ts`);
  process.argv.splice(1, 2, file);
  await import(pathToFileURL(file).href);
} else {
  console.error(`usage: npm run bench -- NAME, where NAME is one of ${names.join(', ')}`);
  process.exitCode = 2;
}
