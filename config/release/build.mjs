// Builds dist/: the program with the packages that it uses, in one file for each part that loads by itself, their licences, and the
// types for programs that import it. Only `dependencies` are left to be installed: packages with machine code, or with files that
// are served. All else is among `devDependencies`, for it is in the bundle.
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, normalize, resolve } from 'node:path';
import { rolldown } from 'rolldown';
import { chunkGroups } from './chunks.mjs';
import { writeLicences } from './licences.mjs';
import { writeTypes } from './types.mjs';

const program = 'bin/autocached';
const parts = {
  first: [resolve('src/cli/program.ts')],
  // Not the command `start`: the help of all commands would load the daemon with it.
  daemon: [resolve('src/compose/daemon.ts')],
};
/** Modules that are started by their path, or imported by other programs. */
const entries = [
  program,
  'src/index',
  'src/keyv',
  'src/transfer/worker',
  'src/transfer/verify-worker',
  'src/farm/listener',
  'src/sqlite/damage-worker',
  'src/memo/hash-worker',
  'src/shared/store-worker',
  'src/transfer/restore-worker',
  'src/codec/survey-worker',
  'src/sources/entry',
];

const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
const { compilerOptions } = JSON.parse(readFileSync('tsconfig.json', 'utf8'));
const modules = [];
const files = [];
for (const entry of entries) await write(entry);
removeOthers([...files, ...writeLicences(modules, 'dist', 'LICENCES.txt'), ...writeTypes(['src/index', 'src/keyv'], 'dist')]);

/** Each by itself: shared code is in both of two entries, since a worker that loads one file starts faster than one that loads twenty. */
async function write(entry) {
  const build = await rolldown({
    input: { [entry]: `${entry}.ts` },
    platform: 'node',
    // All hashes that it knows come with the other form.
    resolve: { alias: { 'hash-wasm': 'hash-wasm/dist/index.esm.js' } },
    // The language of the oldest supported Node, as in tsconfig.json.
    transform: { target: compilerOptions.target },
    external: [...Object.keys(dependencies), ...builtinModules, ...builtinModules.map((name) => `node:${name}`)],
  });
  const { output } = await build.write({
    dir: 'dist',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    // The text of a module stays in memory: two bytes a letter as soon as one is beyond Latin-1.
    charset: 'ascii',
    comments: false,
    // A fifth less text, which a daemon keeps in memory too. All names stay, for stack traces and for messages made of them.
    minify: { mangle: false, compress: { keepNames: { function: true, class: true } }, codegen: { removeWhitespace: true } },
    ...(entry === program && { codeSplitting: { groups: chunkGroups(parts) } }),
  });
  await build.close();
  modules.push(...output.flatMap(({ moduleIds }) => moduleIds ?? []));
  files.push(...output.map(({ fileName }) => fileName));
}

/** Last, since a daemon that runs from here may still load files of the former build. */
function removeOthers(files) {
  const current = new Set(files.map(normalize));
  for (const found of readdirSync('dist', { recursive: true })) {
    if (!current.has(found) && !statSync(join('dist', found)).isDirectory()) rmSync(join('dist', found));
  }
}
