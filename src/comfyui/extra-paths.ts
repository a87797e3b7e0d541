import { posix, win32 } from 'node:path';
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { CacheError } from '../core/errors.ts';
import { currentCategory, notModels, standardCategories } from './categories.ts';
import { expand, type PathVariables } from './expand.ts';

/** The contents of a ComfyUI paths file, in its order. */
export interface ExtraPaths {
  paths: { path: string; category: string; isDefault: boolean; optional: boolean }[];
  /** ComfyUI's output folder, if the file moves it. */
  output: string | null;
}

/** Bounds of a paths file, far above any that a person writes: aliases can expand a few lines without end, or form circles. */
const mostBytes = 256 * 1024;
const mostSteps = 20_000;
const mostAliases = 500;
const mostDepth = 20;
const mostBrackets = 2_000;

interface Reading extends PathVariables {
  file: string;
  lines: LineCounter;
  document: Document;
  found: ExtraPaths;
  left: { steps: number; aliases: number };
}

const systemFolders = new Set(['output', 'input', 'temp', 'user']);

/**
 * Reads `extra_model_paths.yaml` (sections of `category: folders`) or its successor `extra_paths.yaml`. The successor adds a nested
 * `models:` section and the system folders, and includes every standard category folder below a base path.
 * @throws CacheError `BAD_CONFIG` with file and line
 */
export function readExtraPaths(text: string, file: string, variables: PathVariables): ExtraPaths {
  const tooLarge = () => new CacheError('BAD_CONFIG', `${file}: it is nested too deeply, or too large to be read`);
  if (text.length > mostBytes || (text.match(/[[{]/g) ?? []).length > mostBrackets) throw tooLarge();
  try {
    return readBounded(text, file, variables);
  } catch (error) {
    throw error instanceof RangeError ? tooLarge() : error;
  }
}

function readBounded(text: string, file: string, variables: PathVariables): ExtraPaths {
  const lines = new LineCounter();
  // ComfyUI reads YAML 1.1: `yes` is true, `<<` merges, and the last of two equal keys wins.
  const document = parseDocument(text, { version: '1.1', merge: true, uniqueKeys: false, lineCounter: lines });
  const reading: Reading = {
    ...variables,
    file,
    lines,
    document,
    found: { paths: [], output: null },
    left: { steps: mostSteps, aliases: mostAliases },
  };
  const [error] = document.errors;
  if (error?.code === 'RESOURCE_EXHAUSTION') throw new RangeError(error.message);
  if (error) throw bad(reading, error.pos[0], error.message.split('\n')[0]?.replace(/ at line.*$/, '') ?? 'not YAML');
  const contents = document.contents as Node | null;
  if (isEmpty(contents)) return reading.found;
  for (const { key, value } of pairsOf(contents, reading, 'sections such as "comfyui:"')) readSection(key, value, reading);
  return reading.found;
}

function readSection(name: string, node: Node | null, reading: Reading): void {
  if (isEmpty(node)) return;
  const pairs = pairsOf(node, reading, `"${name}" with a list of folders below it`);
  const base = basePath(pairs, null, reading);
  const isDefault = flag(pairs, false);
  const nested = pairs.find(({ key, value }) => key === 'models' && isMap(value));
  const categories = pairs.filter((pair) => pair !== nested && !systemFolders.has(pair.key));
  addFolders(categories, { base, isDefault, implicit: !nested }, reading);
  const output = pairs.find(({ key }) => key === 'output');
  const [folder] = output ? foldersOf(output.value, reading) : [];
  if (folder) reading.found.output = absolute(expand(folder, reading), base, reading);
  if (!nested) return;
  const models = pairsOf(nested.value, reading, '"models"');
  const options = { base: basePath(models, base, reading), isDefault: flag(models, isDefault), implicit: true };
  addFolders(models, options, reading);
}

interface Pair {
  key: string;
  value: Node | null;
}

function addFolders(
  pairs: Pair[],
  options: { base: string | null; isDefault: boolean; implicit: boolean },
  reading: Reading,
): void {
  const { base, isDefault, implicit } = options;
  const categories = pairs.filter(({ key }) => key !== 'base_path' && key !== 'is_default');
  for (const { key, value } of categories) {
    if (notModels.has(key)) continue;
    for (const folder of foldersOf(value, reading)) {
      const path = absolute(folder, base, reading);
      reading.found.paths.push({ path, category: currentCategory(key), isDefault, optional: false });
    }
  }
  if (base === null || !implicit) return;
  for (const category of Object.keys(standardCategories)) {
    if (categories.some(({ key }) => key === category)) continue;
    reading.found.paths.push({ path: absolute(category, base, reading), category, isDefault, optional: true });
  }
}

/**
 * One folder, or one a line, or a list. In text of several lines, lines that begin with `#` were meant as comments, and so was the
 * text after two spaces and `# `, as in ComfyUI's own example; any other `#` is part of a name.
 */
function foldersOf(written: unknown, reading: Reading, depth = 0): string[] {
  const node = follow(written, reading, depth);
  if (isEmpty(node)) return [];
  if (isSeq(node)) return node.items.flatMap((item) => foldersOf(item, reading, depth + 1));
  if (!isScalar(node)) throw bad(reading, node?.range?.[0] ?? 0, 'a folder was expected here');
  // The folder `.` is a number for YAML 1.1: the written text counts.
  const text = typeof node.value === 'string' ? node.value : (node.source ?? '');
  const isBlock = node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED';
  return text
    .split('\n')
    .map((line) => (isBlock ? withoutComment(line) : line).trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

function withoutComment(line: string): string {
  const at = line.search(/\s\s# /);
  return at < 0 ? line : line.slice(0, at);
}

function basePath(pairs: Pair[], parent: string | null, reading: Reading): string | null {
  const pair = pairs.find(({ key }) => key === 'base_path');
  if (!pair || isEmpty(pair.value)) return parent;
  const [base] = foldersOf(pair.value, reading);
  return base === undefined ? parent : absolute(expand(base, reading), parent, reading);
}

function flag(pairs: Pair[], otherwise: boolean): boolean {
  const node = pairs.find(({ key }) => key === 'is_default')?.value;
  if (!isScalar(node)) return otherwise;
  return typeof node.value === 'string' ? node.value.toLowerCase() !== 'false' && node.value !== '' : Boolean(node.value);
}

function absolute(folder: string, base: string | null, { file, platform }: Reading): string {
  const paths = platform === 'win32' ? win32 : posix;
  return paths.resolve(base ?? paths.dirname(file), folder).replace(/(?<=[^\\/:])[\\/]$/, '');
}

function pairsOf(written: unknown, reading: Reading, expected: string, depth = 0): Pair[] {
  const node = follow(written, reading, depth);
  if (!isMap(node)) throw bad(reading, node?.range?.[0] ?? 0, `expected ${expected}`);
  const pairs = new Map<string, Pair>();
  for (const { key, value } of node.items) {
    if (!isScalar(key)) throw bad(reading, node.range?.[0] ?? 0, 'a name was expected before the colon');
    const name = key.source ?? String(key.value);
    const merged =
      name === '<<' ? mergedPairs(value, reading, expected, depth) : [{ key: name, value: follow(value, reading, depth) }];
    for (const pair of merged) if (name !== '<<' || !pairs.has(pair.key)) pairs.set(pair.key, pair);
  }
  return [...pairs.values()];
}

/** The sections that `<<` merges: one, or several in a list, in order of precedence. */
function mergedPairs(written: unknown, reading: Reading, expected: string, depth: number): Pair[] {
  const node = follow(written, reading, depth);
  return (isSeq(node) ? node.items : [node]).flatMap((one) => pairsOf(one, reading, expected, depth + 1));
}

/** @throws RangeError when the file expands beyond its bounds */
function follow(written: unknown, { document, left }: Reading, depth: number): Node | null {
  const node = written as Node | null;
  left.steps -= 1;
  if (isAlias(node)) left.aliases -= 1;
  if (left.steps < 0 || left.aliases < 0 || depth > mostDepth) throw new RangeError('the file has no end');
  return isAlias(node) ? (node.resolve(document) ?? null) : node;
}

function isEmpty(node: Node | null): boolean {
  return node === null || (isScalar(node) && (node.value === null || node.value === undefined));
}

function bad({ file, lines }: Reading, offset: number, message: string): CacheError {
  return new CacheError('BAD_CONFIG', `${file}, line ${lines.linePos(offset).line}: ${message}`, {
    hint: 'correct the file (ComfyUI could not read it either); Windows paths need no quotes, or single ones',
  });
}
