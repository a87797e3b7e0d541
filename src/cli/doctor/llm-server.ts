import { basename } from 'node:path';
import { serverOf } from '../../llm/upstream.ts';
import { get } from './get.ts';

/** A language model's server, and its statements on reusing the beginnings of prompts. Null = it states nothing. */
export type LlmServer =
  | { is: 'llama.cpp'; build: string; model: string; slots: number; savesSlots: boolean }
  | { is: 'vllm'; version: string; prefixCaching: boolean | null; hits: number; queries: number }
  | { is: 'sglang'; version: string; prefixCaching: boolean | null; hierarchical: boolean }
  | { is: 'other' }
  | { is: 'locked' }
  | { is: 'loading' }
  | { is: 'silent' };

/**
 * Recognises the server by the pages that no other one has. Nothing is computed there.
 * @param base address of its API, ending with `/`
 */
export async function askLlm(base: string): Promise<LlmServer> {
  const root = serverOf(base);
  const models = await get(base, 'models');
  if (models.status === 0) return { is: 'silent' };
  // llama.cpp refuses all pages while it loads its model.
  if (models.status === 503) return { is: 'loading' };
  const found = (await llamaCpp(root)) ?? (await sglang(root)) ?? (await vllm(root));
  return found ?? { is: models.status === 401 || models.status === 403 ? 'locked' : 'other' };
}

async function llamaCpp(root: string): Promise<LlmServer | null> {
  const { default_generation_settings: settings, total_slots: slots, ...props } = fieldsOf((await get(root, 'props')).json);
  if (settings === undefined || typeof slots !== 'number') return null;
  // An unknown action: a server that was started to save slots refuses the action, another one refuses all of them (501).
  const headers = { 'content-type': 'application/json' };
  const { status } = await get(root, 'slots/0?action=none', { method: 'POST', headers, body: '{}' });
  return {
    is: 'llama.cpp',
    build: textOf(props['build_info']),
    model: basename(textOf(props['model_path'])),
    slots,
    savesSlots: status === 400,
  };
}

async function sglang(root: string): Promise<LlmServer | null> {
  for (const path of ['server_info', 'get_server_info']) {
    const info = fieldsOf((await get(root, path)).json);
    const { disable_radix_cache: disabled, enable_hierarchical_cache: hierarchical, version } = info;
    if (disabled === undefined) continue;
    const prefixCaching = typeof disabled === 'boolean' ? !disabled : null;
    return { is: 'sglang', version: textOf(version), prefixCaching, hierarchical: hierarchical === true };
  }
  return null;
}

async function vllm(root: string): Promise<LlmServer | null> {
  const { text } = await get(root, 'metrics');
  if (!/^vllm:/m.test(text)) return null;
  const { version } = fieldsOf((await get(root, 'version')).json);
  const [, enabled] = /^vllm:cache_config_info\{[^}]*\benable_prefix_caching="(\w+)"/m.exec(text) ?? [];
  const prefixCaching = enabled === undefined || enabled === 'None' ? null : enabled.toLowerCase() === 'true';
  return { is: 'vllm', version: textOf(version), prefixCaching, hits: sumOf(text, 'hits'), queries: sumOf(text, 'queries') };
}

/** Older versions have a count for each GPU by name. */
function sumOf(metrics: string, name: string): number {
  const lines = metrics.matchAll(new RegExp(`^vllm:(?:gpu_)?prefix_cache_${name}(?:_total)?(?:\\{[^}]*\\})? (\\S+)`, 'gm'));
  return [...lines].reduce((sum, [, value]) => sum + (Number(value) || 0), 0);
}

function fieldsOf(json: unknown): Record<string, unknown> {
  return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : 'not known';
}
