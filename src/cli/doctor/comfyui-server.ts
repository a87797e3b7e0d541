import { get } from './get.ts';

/** A running ComfyUI, by its own description. */
export interface RunningComfyui {
  url: string;
  version: string | null;
  /** Its command line, without the interpreter. */
  argv: string[];
  ramBytes: number | null;
  /** Directories of its custom nodes; empty when it states none. */
  customNodes: string[];
  /** Whether the resolver has added its routes. */
  shimLoaded: boolean;
}

/** Asks the ComfyUI at an address, which ends with `/`. Null when no ComfyUI answers there. */
export async function askComfyui(url: string): Promise<RunningComfyui | null> {
  const stats = (await get(url, 'system_stats')).json as { system?: Record<string, unknown> } | null;
  const system = stats?.system;
  if (!system || !Array.isArray(system['argv'])) return null;
  const [folders, state] = await Promise.all([get(url, 'internal/folder_paths'), get(url, 'autocached/state')]);
  const { custom_nodes: customNodes } = (folders.json ?? {}) as { custom_nodes?: unknown };
  const { comfyui_version: version, ram_total: ram } = system;
  return {
    url,
    version: typeof version === 'string' ? version : null,
    argv: system['argv'].map(String),
    ramBytes: typeof ram === 'number' ? ram : null,
    customNodes: Array.isArray(customNodes) ? customNodes.filter((path) => typeof path === 'string') : [],
    // Only 404 means that there is no such route.
    shimLoaded: state.status !== 404,
  };
}
