import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Got, openAiServer, sendJson } from './openai-server.ts';
import { tempDir } from './temp-dir.ts';

/** A llama.cpp server of one slot, which computes a token for each word; ended with the test. */
export async function llamaServer() {
  const dir = tempDir();
  const world = {
    build: 'b100-abc',
    params: 1000,
    /** Started with --slot-save-path. */
    saves: true,
    /** What is restored is reused, as it should be. */
    reuses: true,
    /** Its model cannot go back in what is restored, as hybrid ones. */
    goesBack: true,
    /** A refusal of any request to compute or to act on a slot. */
    refusal: null as { status: number; message: string } | null,
    /** It says how many tokens it has reused. */
    tells: true,
    /** Bytes of each file. */
    bytes: 1000,
  };
  /** Words of the slot that can be reused, and those in files. */
  let slot: string[] = [];
  /** The slot was restored, and nothing was computed in it since. */
  let isRestored = false;
  const vocabulary: string[] = [];
  const tokenOf = (word: string) => (vocabulary.includes(word) ? vocabulary.indexOf(word) : vocabulary.push(word) - 1);
  const files = new Map<string, string[]>();
  const { state, url } = await openAiServer((got, response) => {
    const [path = '', action] = got.url.split('?action=');
    if (path === '/props')
      return sendJson(response, 200, {
        default_generation_settings: {},
        total_slots: 1,
        model_path: '/models/tiny.gguf',
        build_info: world.build,
      });
    if (world.refusal && path !== '/v1/models')
      return sendJson(response, world.refusal.status, { error: { message: world.refusal.message } });
    if (path === '/tokenize') return sendJson(response, 200, { tokens: got.body.content.split(' ').map(tokenOf) });
    if (path === '/completion') return sendJson(response, 200, compute(got));
    if (path === '/apply-template')
      return sendJson(response, 200, {
        prompt: got.body.messages.map(({ content }: { content: string }) => content).join(' '),
      });
    if (path !== '/slots/0') return sendJson(response, 404, { error: { message: 'File Not Found' } });
    if (!world.saves) return sendJson(response, 501, { error: { message: 'This server does not support slots action' } });
    const { filename } = got.body;
    const known = files.get(filename);
    if (action === 'save') {
      files.set(filename, slot);
      writeFileSync(join(dir, filename), 'x'.repeat(world.bytes));
      return sendJson(response, 200, { n_saved: slot.length, n_written: world.bytes });
    }
    if (action === 'erase') slot = [];
    else if (action !== 'restore') return sendJson(response, 400, { error: { message: 'Invalid action' } });
    else if (!known) return sendJson(response, 400, { error: { message: 'Unable to restore slot' } });
    else if (world.reuses) slot = known;
    isRestored = action === 'restore';
    return sendJson(response, 200, { n_restored: known?.length ?? 0 });
  });

  function compute({ body }: Got) {
    const words: string[] =
      typeof body.prompt === 'string'
        ? body.prompt.split(' ')
        : body.prompt.map((part: number | string) => (typeof part === 'number' ? vocabulary[part] : part));
    const same = words.findIndex((word, index) => word !== slot[index]);
    // The last one is always computed.
    const alike = Math.min(same < 0 ? words.length : same, words.length - 1);
    const mustGoBack = isRestored && alike < slot.length;
    const reused = mustGoBack && !world.goesBack ? 0 : alike;
    isRestored = false;
    slot = words;
    const timings = { prompt_n: words.length - reused, prompt_ms: 3, ...(world.tells && { cache_n: reused }) };
    return { tokens_evaluated: words.length, timings };
  }

  state.pages.set('/v1/models', (_got, response) =>
    sendJson(response, 200, { data: [{ id: 'tiny', owned_by: 'llamacpp', meta: { n_params: world.params, n_ctx: 4096 } }] }),
  );
  const lose = (file: string) => rmSync(join(dir, file));
  const sizeOf = (file: string) => statSync(join(dir, file), { throwIfNoEntry: false })?.size;
  /** It ends, and is started anew: what it had in memory is gone. */
  const restart = () => {
    slot = [];
  };
  return { world, url, dir, files, lose, sizeOf, restart };
}
