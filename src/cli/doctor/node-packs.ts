import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readSmallFile } from '../../runtime/small-file.ts';
import { type Finding, ok, warn } from './finding.ts';

/** How a pack of custom nodes finds its models, by how often its source says so. */
export interface NodePack {
  name: string;
  /** By ComfyUI's own lookup, which is redirected. */
  lookups: number;
  /** By paths of its own making, or by downloads of Hugging Face: past the resolver. */
  bypasses: number;
  /** It puts a function of its own in the place of ComfyUI's lookup. */
  replaces: boolean;
}

const most = { files: 400, bytes: 1024 * 1024, packs: 1000 };
const endMs = 5000;
const notCode = new Set([
  '.git',
  '.venv',
  'venv',
  'node_modules',
  '__pycache__',
  'web',
  'js',
  'tests',
  'test',
  'site-packages',
]);

const lookup = /\bget_full_path(?:_or_raise)?\s*\(/g;
const bypass =
  /\b(?:from_pretrained|hf_hub_download|snapshot_download)\s*\(|join\(\s*(?:folder_paths\.)?models_dir\b|AUX_ANNOTATOR_CKPTS_PATH/g;
const replacement = /\bfolder_paths\.get_full_path\s*=(?!=)/;

/** Looks through the sources of all packs in a `custom_nodes` directory, for at most 5 s. Our own is left out. */
export async function readNodePacks(customNodes: string): Promise<NodePack[]> {
  const until = performance.now() + endMs;
  const found = await readdir(customNodes, { withFileTypes: true }).catch(() => []);
  const names = found.filter((item) => !item.isFile() && isPack(item.name)).map((item) => item.name);
  const packs: NodePack[] = [];
  for (const name of names.sort().slice(0, most.packs)) {
    if (performance.now() > until) break;
    packs.push(await readPack(join(customNodes, name), name));
  }
  return packs;
}

function isPack(name: string): boolean {
  return !name.startsWith('.') && !name.endsWith('.disabled') && name !== '__pycache__' && name !== 'autocached';
}

async function readPack(dir: string, name: string): Promise<NodePack> {
  const pack: NodePack = { name, lookups: 0, bypasses: 0, replaces: false };
  for (const file of await pythonFiles(dir)) {
    const text = (await readSmallFile(file, most.bytes).catch(() => null))?.toString('utf8') ?? '';
    pack.lookups += text.match(lookup)?.length ?? 0;
    pack.bypasses += text.match(bypass)?.length ?? 0;
    pack.replaces ||= replacement.test(text);
  }
  return pack;
}

async function pythonFiles(dir: string): Promise<string[]> {
  const files: string[] = [];
  const dirs = [dir];
  for (let at = dirs.pop(); at !== undefined && files.length < most.files; at = dirs.pop()) {
    for (const item of await readdir(at, { withFileTypes: true }).catch(() => [])) {
      const path = join(at, item.name);
      if (item.isDirectory() && !notCode.has(item.name)) dirs.push(path);
      else if (item.isFile() && item.name.endsWith('.py')) files.push(path);
    }
  }
  return files.slice(0, most.files);
}

/** One line for each pack whose models load past the resolver, and one for those that do so in part. */
export function nodePackFindings(packs: readonly NodePack[]): Finding[] {
  if (packs.length === 0) return [];
  const aside = packs.filter(({ lookups, bypasses }) => bypasses > 0 && lookups === 0);
  const partly = packs.filter(({ lookups, bypasses }) => bypasses > 0 && lookups > 0).map(({ name }) => name);
  const findings = packs
    .filter(({ replaces }) => replaces)
    .map(({ name }) =>
      warn('nodes', `${name} also replaces ComfyUI's model lookup`, `remove ${name}: only one can work at a time`),
    );
  for (const { name } of aside) {
    const todo = 'its models stay where they are: move those folders to the SSD and leave links in their place';
    findings.push(warn('nodes', `${name} finds its models by itself, past the resolver`, todo));
  }
  const rest = packs.length - aside.length;
  const also = partly.length === 0 ? '' : `; some also load in their own way: ${partly.join(', ')}`;
  return [
    ...findings,
    ok('nodes', `${rest} of ${packs.length} node packs load no models past the resolver, or not all${also}`),
  ];
}
