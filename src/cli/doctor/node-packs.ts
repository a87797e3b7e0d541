import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readSmallFile } from '../../runtime/small-file.ts';
import { type CoreTable, coreTable } from '../../workflow/core-table.ts';
import { type Finding, ok, warn } from './finding.ts';

/** Ways in which a pack of custom nodes finds its models, by their number in its source. */
export interface NodePack {
  name: string;
  /** Calls of ComfyUI's own lookup, which is redirected. */
  lookups: number;
  /** Paths of its own making, or downloads of Hugging Face: past the resolver. */
  bypasses: number;
  /** Walks through ComfyUI's model folders in a pack that opens weights: past the resolver too. */
  walks: number;
  opens: number;
  /** True when it replaces ComfyUI's lookup by a function of its own. */
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
const walk = /\b(?:get_folder_paths\s*\(|folder_names_and_paths\b)/g;
const opening =
  /\b(?:load_torch_file|load_checkpoint_guess_config|load_diffusion_model|safe_open|load_safetensors|torch\.load|load_file)\s*\(/g;
const replacement = /\bfolder_paths\.get_full_path\s*=(?!=)/;

/** Looks through the sources of all packs in a `custom_nodes` directory, for at most 5 s. The shim itself is left out. */
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
  const pack: NodePack = { name, lookups: 0, bypasses: 0, walks: 0, opens: 0, replaces: false };
  for (const file of await pythonFiles(dir)) {
    const text = (await readSmallFile(file, most.bytes).catch(() => null))?.toString('utf8') ?? '';
    pack.lookups += text.match(lookup)?.length ?? 0;
    pack.bypasses += text.match(bypass)?.length ?? 0;
    pack.walks += text.match(walk)?.length ?? 0;
    pack.opens += text.match(opening)?.length ?? 0;
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

/** One line for each pack whose models load past the resolver, and one for those that load through it, wholly or in part. */
export function nodePackFindings(packs: readonly NodePack[]): Finding[] {
  if (packs.length === 0) return [];
  const findings = packs
    .filter(({ replaces }) => replaces)
    .map(({ name }) =>
      warn('nodes', `${name} also replaces ComfyUI's model lookup`, `remove ${name}: only one can work at a time`),
    );
  const told = packs.map((pack) => ({ ...pack, ...waysOf(pack) }));
  for (const { name } of told.filter(({ loads }) => loads === 'itself')) {
    const says = `${name} finds its models by itself, past the resolver: they are neither prefetched nor loaded from copies`;
    findings.push(
      warn('nodes', says, 'load them with nodes of ComfyUI, or move their folders to the SSD and leave links in their place'),
    );
  }
  const rest = told.filter(({ loads }) => loads !== 'itself');
  const prefetched = rest.filter(({ lookups, isKnown }) => lookups > 0 || isKnown).map(({ name }) => name);
  const partly = rest.filter(({ loads }) => loads === 'both');
  const parts = [
    `${rest.length} of ${packs.length} node packs load no models past the resolver, or not all`,
    ...(prefetched.length > 0 ? [`prefetched: ${prefetched.join(', ')}`] : []),
    ...(partly.length > 0
      ? [
          `some also load in their own way: ${partly.map(({ name, itself }) => (itself ? `${name} (${itself})` : name)).join(', ')}`,
        ]
      : []),
  ];
  return [...findings, ok('nodes', parts.join('; '))];
}

interface Ways {
  loads: CoreTable['packs'][string]['loads'];
  /** Files that it opens itself, if these are only a part. */
  itself?: string | undefined;
  /** True when the table of packs lists it, which takes precedence over its source. */
  isKnown: boolean;
}

function waysOf({ name, lookups, bypasses, walks, opens }: NodePack): Ways {
  const plain = plainName(name);
  const [, known] = Object.entries(coreTable().packs).find(([folder]) => plainName(folder) === plain) ?? [];
  if (known) return { ...known, isKnown: true };
  const past = bypasses > 0 || (walks > 0 && opens > 0 && lookups === 0);
  return { loads: past ? (lookups > 0 ? 'both' : 'itself') : 'resolver', isKnown: false };
}

/** A folder's name as managers, git and downloads of archives write it. */
function plainName(folder: string): string {
  return folder
    .toLowerCase()
    .replace(/[-_.](main|master|nightly|v?\d[\w.]*)$/, '')
    .replace(/^comfyui|[^a-z0-9]/g, '');
}
