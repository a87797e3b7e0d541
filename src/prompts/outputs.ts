import type { NodeOutputs } from '../comfyui/follow-prompt.ts';
import type { ComfyuiFile } from '../comfyui/server.ts';
import { isObject } from '../workflow/json.ts';

/** A file that a node has made. */
export interface MadeFile extends ComfyuiFile {
  node: string;
  kind: string;
}

export interface Made {
  files: MadeFile[];
  values: { node: string; name: string; value: unknown }[];
}

/** The outputs of nodes: files and other values. */
export function madeBy(outputs: NodeOutputs): Made {
  const made: Made = { files: [], values: [] };
  for (const [node, byName] of Object.entries(outputs)) {
    for (const [name, value] of Object.entries(byName ?? {})) {
      const items = Array.isArray(value) ? value : [value];
      const files = items.flatMap((item) => fileIn(item) ?? []);
      made.files.push(...files.map((file) => ({ node, kind: name, ...file })));
      if (files.length < items.length) made.values.push({ node, name, value });
    }
  }
  return made;
}

function fileIn(item: unknown): ComfyuiFile | null {
  if (!isObject(item)) return null;
  const { filename, subfolder = '', type = 'output' } = item;
  if (typeof filename !== 'string' || typeof subfolder !== 'string' || typeof type !== 'string') return null;
  return filename === '' ? null : { filename, subfolder, type };
}
