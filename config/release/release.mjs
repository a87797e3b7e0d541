// Makes the release from the last commit alone: the archive for npm, the one for Windows, and SHA256SUMS.
//   node config/release/release.mjs OUT [--repository URL]
// OUT must be empty or absent. The address of the repository is written into the package when it is given; the sources state none.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { repository: { type: 'string' } } });
const [target] = positionals;
if (target === undefined) throw new Error('say where to: node config/release/release.mjs OUT');
const out = resolve(target);
mkdirSync(out, { recursive: true });
if (readdirSync(out).length > 0) throw new Error(`${out} is not empty`);

const work = mkdtempSync(join(tmpdir(), 'autocached-release-'));
try {
  const tree = join(work, 'tree');
  mkdirSync(tree);
  run(`git archive --format=tar HEAD | tar -x -C ${JSON.stringify(tree)}`, process.cwd());
  const description = JSON.parse(readFileSync(join(tree, 'package.json'), 'utf8'));
  const { version } = description;
  if (!readFileSync(join(tree, 'CHANGELOG.md'), 'utf8').includes(`## [${version}]`)) {
    console.error(`CHANGELOG.md has no section for ${version}: what is packed is a trial, not a release`);
  }
  if (values.repository !== undefined) {
    const url = new URL(values.repository).href.replace(/\/$/, '');
    Object.assign(description, {
      homepage: `${url}#readme`,
      repository: { type: 'git', url: `git+${url}.git` },
      bugs: { url: `${url}/issues` },
    });
    writeFileSync(join(tree, 'package.json'), `${JSON.stringify(description, null, 2)}\n`);
  }
  symlinkSync(resolve('node_modules'), join(tree, 'node_modules'));
  run('npm run --silent build', tree);
  run(`npm pack --silent --pack-destination ${JSON.stringify(out)}`, tree);
  run(`${JSON.stringify(process.execPath)} config/release/windows.mjs ${JSON.stringify(out)}`, tree);
} finally {
  rmSync(work, { recursive: true, force: true });
}
const sums = readdirSync(out)
  .sort()
  .map(
    (name) =>
      `${createHash('sha256')
        .update(readFileSync(join(out, name)))
        .digest('hex')}  ${name}\n`,
  );
writeFileSync(join(out, 'SHA256SUMS'), sums.join(''));
process.stdout.write(sums.join(''));

function run(command, cwd) {
  const { status } = spawnSync(command, { cwd, shell: true, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`"${command}" failed; its own message is above`);
}
