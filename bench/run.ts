/** `npm run bench -- NAME`: runs one benchmark, or lists them. */
import { readdirSync } from 'node:fs';

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
  // The arguments after the name are the benchmark's own.
  process.argv.splice(2, 1);
  await import(`./${wanted}.ts`);
} else {
  console.error(`usage: npm run bench -- NAME, where NAME is one of ${names.join(', ')}`);
  process.exitCode = 2;
}
