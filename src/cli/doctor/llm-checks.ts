import { formatCount, percent } from '../../core/format.ts';
import { type Finding, ok, warn } from './finding.ts';
import type { LlmServer } from './llm-server.ts';

type Of<Is extends LlmServer['is']> = Extract<LlmServer, { is: Is }>;

/** Whether the configured server reuses the beginnings of prompts, and the flags for it: the cache of answers does not do that. */
export function llmFindings(url: string, server: LlmServer): Finding[] {
  if (server.is === 'llama.cpp') return ofLlamaCpp(server);
  if (server.is === 'vllm') return [ofVllm(server)];
  if (server.is === 'sglang') return [ofSglang(server)];
  if (server.is === 'silent') return [warn('llm', `no server answers at ${url}`, 'start it, or correct AUTOCACHE_LLM_URL')];
  if (server.is === 'loading')
    return [warn('llm', `the server at ${url} is not ready (503)`, 'look again when it has loaded its model')];
  if (server.is === 'locked') return [ok('llm', `the server at ${url} wants a key: what it reuses was not looked at`)];
  return [ok('llm', `the server at ${url} is neither llama.cpp, vLLM nor SGLang: what it reuses is not known`)];
}

function ofLlamaCpp({ build, model, slots, savesSlots }: Of<'llama.cpp'>): Finding[] {
  const says = `llama.cpp ${build} with ${model}: each of ${slots} slots reuses the beginning of its last prompt`;
  const kept =
    '--cache-ram MIB (8192 by default) keeps prompts that left their slot, --cache-reuse 256 also reuses parts that have moved';
  const found = [ok('llm', `${says}; ${kept}`)];
  const todo = 'start it with --slot-save-path DIR: autocached kv save keeps prompts over restarts';
  return savesSlots ? found : [...found, warn('llm', 'what it has computed of prompts is lost when it ends', todo)];
}

function ofVllm({ version, prefixCaching, hits, queries }: Of<'vllm'>): Finding {
  if (prefixCaching === false) {
    return warn('llm', `vLLM ${version} computes the beginnings of prompts anew`, 'start it with --enable-prefix-caching');
  }
  const rate = queries === 0 ? '' : `: ${percent(hits / queries)} of ${formatCount(queries)} tokens so far`;
  if (prefixCaching) return ok('llm', `vLLM ${version} reuses the beginnings of prompts (prefix caching)${rate}`);
  return ok('llm', `vLLM ${version} does not say whether it reuses the beginnings of prompts (--enable-prefix-caching)${rate}`);
}

function ofSglang({ version, prefixCaching, hierarchical }: Of<'sglang'>): Finding {
  if (prefixCaching === false) {
    return warn('llm', `SGLang ${version} computes the beginnings of prompts anew`, 'start it without --disable-radix-cache');
  }
  const more = hierarchical ? ', also from memory' : '; --enable-hierarchical-cache keeps more of them, in memory';
  return ok('llm', `SGLang ${version} reuses the beginnings of prompts (radix cache)${more}`);
}
