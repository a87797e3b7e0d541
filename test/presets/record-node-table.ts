/**
 * Records what the nodes of the presets take and give: `node test/presets/record-node-table.ts object_info.json 0.33.0`, with the
 * answer of ComfyUI's `GET /object_info`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Library } from '../../src/presets/library.ts';
import { nodeClasses } from '../../src/presets/node-classes.ts';
import { samples } from './samples.ts';

type Spec = [type: string | unknown[], options?: { min?: number; max?: number; options?: unknown[] }];
interface Info {
  input: Partial<Record<'required' | 'optional', Record<string, Spec>>>;
  output: string[];
  output_node: boolean;
}

const [file = '', comfyui = ''] = process.argv.slice(2);
const info = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Info>;
const used = samples(new Library(null)).flatMap(({ compiled }) =>
  Object.values(compiled.prompt).map((node) => node.class_type),
);
const classes = [...new Set([...Object.keys(nodeClasses), ...used])].sort();
const table = { comfyui, classes: Object.fromEntries(classes.map((name) => [name, rowOf(name)])) };
writeFileSync(join(import.meta.dirname, '..', 'fixtures', 'preset-nodes.json'), `${JSON.stringify(table, null, 1)}\n`);

function rowOf(name: string): object {
  const found = info[name];
  if (!found) throw new Error(`ComfyUI has no ${name}`);
  const { input, output, output_node } = found;
  const inputs = (['required', 'optional'] as const).flatMap((section) =>
    Object.entries(input[section] ?? {}).map(([at, spec]) => [at, { ...inputOf(spec), required: section === 'required' }]),
  );
  return { outputs: output, isOutput: output_node, inputs: Object.fromEntries(inputs) };
}

/** A list of files is of one machine: it is not recorded. */
function inputOf([type, { min, max, options } = {}]: Spec): object {
  const choices = (Array.isArray(type) ? type : options)?.map((one) => (one as { key?: string }).key ?? one);
  const isFiles = choices?.length === 0 || choices?.some((one) => /\.\w+$/.test(String(one)));
  if (isFiles) return { type: 'FILE' };
  return { type: Array.isArray(type) ? 'COMBO' : type, ...(choices && { choices }), min, max };
}
