import type { Catalog } from '../catalog/catalog.ts';
import type { ServedSettings } from '../config/served-settings.ts';
import type { Config } from '../config/types.ts';
import type { Memo } from '../memo/memo.ts';
import { Identities } from '../prompts/identity.ts';
import { Prompts, type PromptsDeps } from '../prompts/prompts.ts';
import { fingerprintOf } from '../roots/fingerprint-of.ts';
import type { SourceRoots } from '../roots/source-roots.ts';
import type { Context } from './context.ts';

export interface PromptsParts extends Context {
  catalog: Catalog;
  config: Pick<Config, 'comfyuiUrl'>;
  settings: { current: Pick<ServedSettings['current'], 'comfyui'> };
  sources: Pick<SourceRoots, 'locate' | 'stat'>;
  workflows: PromptsDeps['workflows'];
  memo: Memo;
}

/** Whole prompts of ComfyUI, run once and kept. */
export function openPrompts(parts: PromptsParts): Prompts {
  const { catalog, config, settings, sources, opened, log } = parts;
  const keptAs = (url: string) => `comfyui ${url}`;
  const prompts = new Prompts({
    ...parts,
    configured: config.comfyuiUrl,
    comfyuiDir: () => {
      const [directory, ...more] = settings.current.comfyui;
      return more.length === 0 ? (directory ?? null) : null;
    },
    kept: {
      get: (url) => catalog.settings.get(keptAs(url), ''),
      set: (url, facts) => {
        const save = () => catalog.settings.set(keptAs(url), facts, '');
        catalog.write(save).catch((err) => log.debug({ err, url }, 'the facts of a ComfyUI are not kept'));
      },
    },
    identities: new Identities({
      fingerprintOf: (path) => fingerprintOf(sources, path),
      cataloged: (path) => {
        const entry = catalog.entries.byPath(path);
        return entry ? { fingerprint: entry.fingerprint, content: catalog.contents.ofEntry(entry.id) } : null;
      },
    }),
  });
  opened.defer(() => prompts[Symbol.asyncDispose]());
  return prompts;
}
