import type { Config } from '../config/types.ts';
import { Llm } from '../llm/llm.ts';
import type { Memo } from '../memo/memo.ts';
import type { Context } from './context.ts';

/** The cache before a language model's server; null when none is configured. */
export function openLlm({
  config: { llmUrl, llmTimeoutMs },
  ...parts
}: Context & { config: Pick<Config, 'llmUrl' | 'llmTimeoutMs'>; memo: Memo }): Llm | null {
  if (llmUrl === null) return null;
  const llm = new Llm({ ...parts, url: llmUrl, silenceMs: llmTimeoutMs });
  parts.opened.defer(() => llm[Symbol.asyncDispose]());
  return llm;
}
