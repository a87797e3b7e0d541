import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { packageDir } from '../runtime/package.ts';

const tableSchema = z.strictObject({
  /** The version with these nodes. */
  comfyui: z.string(),
  /** Nodes of packs that depend on the place of a model, such as those that search beside its folder: they get its own path. */
  ownPath: z.array(z.string()),
  /** Nodes of packs that open their models past ComfyUI's lookup, so that no copy is used; `*` stands for any text. */
  opensItself: z.array(z.string()),
  /** By class of a pack: its inputs with a widget, in the order in which a workflow lists their values. */
  widgets: z.record(z.string(), z.array(z.string())),
  /**
   * By class of a pack: inputs that, when all present ones are 0, make a row of a list, or the node, load nothing. `#` is the number of a
   * row. Classes without an entry load at strength 0 too.
   */
  idleWhenZero: z.record(z.string(), z.array(z.string())),
  /** The way in which packs load, by the name of their folder: by ComfyUI's lookup, which is redirected, past it, or both. */
  packs: z.record(
    z.string(),
    z.strictObject({
      loads: z.enum(['resolver', 'itself', 'both']),
      /** For packs that load both ways, the models that they open themselves. */
      itself: z.string().optional(),
    }),
  ),
  loaders: z.record(
    z.string(),
    z.strictObject({
      /** Category of each input that names a model file. */
      models: z.record(z.string(), z.string()),
      /** Inputs with a widget, in the order in which a workflow lists their values. */
      widgets: z.array(z.string()),
      /** The node returns before it loads anything when all these inputs are 0. */
      idleWhenZero: z.array(z.string()).optional(),
    }),
  ),
  /** Nodes whose output is the literal in this input. */
  constants: z.record(z.string(), z.string()),
  /** Nodes that evaluate only one of two inputs. */
  switches: z.record(z.string(), z.strictObject({ on: z.string(), whenTrue: z.string(), whenFalse: z.string() })),
  /** Names in `vae` that stand for an encoder and a decoder file in `vae_approx`. */
  tinyVaes: z.array(z.string()),
  /** Base names of single files in `vae_approx` that are offered among `vae`. */
  approximateVaes: z.array(z.string()),
  /**
   * Nodes whose result does not follow from their inputs: it is random, comes from a camera or a whole folder, or they write files that
   * ComfyUI does not report.
   */
  unrepeatable: z.array(z.string()),
  /** Inputs that seed a node's randomness. */
  seeds: z.record(z.string(), z.array(z.string())),
  /** Inputs that name a file in ComfyUI's directory for them, `input`, or with ` [output]` or ` [temp]` after it in another one. */
  inputFiles: z.record(z.string(), z.array(z.string())),
  outputs: z.array(z.string()),
  /** Nodes that load no model and are no output. */
  others: z.array(z.string()),
});

/** Facts on ComfyUI's stock nodes, and some on packs, that need no running ComfyUI: `config/comfyui-nodes.json`. */
export type CoreTable = z.infer<typeof tableSchema>;

let loaded: CoreTable | undefined;

/** The table, read once. */
export function coreTable(): CoreTable {
  loaded ??= tableSchema.parse(JSON.parse(readFileSync(join(packageDir, 'config', 'comfyui-nodes.json'), 'utf8')));
  return loaded;
}
