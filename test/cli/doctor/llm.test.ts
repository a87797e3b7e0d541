import { describe, expect, test } from 'vitest';
import { llmFindings } from '../../../src/cli/doctor/llm-checks.ts';
import { askLlm } from '../../../src/cli/doctor/llm-server.ts';
import { llamaServer } from '../../helpers/llama-server.ts';
import { openAiServer, sendJson } from '../../helpers/openai-server.ts';
import { tempDir } from '../../helpers/temp-dir.ts';
import { runCli } from '../run-cli.ts';

/** A server with these pages: JSON, or text as it is. */
async function serverWith(pages: Record<string, unknown>) {
  const server = await openAiServer((_got, response) => sendJson(response, 404, { detail: 'Not Found' }));
  for (const [path, page] of Object.entries(pages))
    server.state.pages.set(path, (_got, response) => {
      if (typeof page === 'string') response.end(page);
      else sendJson(response, 200, page);
    });
  return server;
}

async function findings(url: string) {
  return llmFindings(`${url}/v1/`, await askLlm(`${url}/v1/`));
}

const metrics = (enabled: string) => `# HELP vllm:cache_config_info Information of the LLMEngine CacheConfig
vllm:cache_config_info{block_size="16",enable_prefix_caching="${enabled}",engine="0"} 1.0
vllm:prefix_cache_queries_total{engine="0"} 800.0
vllm:prefix_cache_queries_created{engine="0"} 1.7e+09
vllm:prefix_cache_hits_total{engine="0"} 200.0
`;

describe('doctor recognises', () => {
  test('vLLM with and without prefix caching', async () => {
    const on = await serverWith({ '/metrics': metrics('True'), '/version': { version: '0.11.0' } });
    expect(await findings(on.url)).toMatchObject([
      { verdict: 'ok', says: expect.stringMatching(/vLLM 0\.11\.0 reuses.*25 % of 800 tokens/) },
    ]);
    const off = await serverWith({ '/metrics': metrics('False'), '/version': { version: '0.11.0' } });
    expect(await findings(off.url)).toMatchObject([
      { verdict: 'warn', todo: expect.stringContaining('--enable-prefix-caching') },
    ]);
    const mute = await serverWith({ '/metrics': 'vllm:num_requests_running 0.0\n' });
    expect(await findings(mute.url)).toMatchObject([{ verdict: 'ok', says: expect.stringContaining('does not say') }]);
  });

  test.each(['/server_info', '/get_server_info'])('SGLang by %s', async (path) => {
    const on = await serverWith({ [path]: { version: '0.5.4', disable_radix_cache: false, enable_hierarchical_cache: false } });
    expect(await findings(on.url)).toMatchObject([
      { verdict: 'ok', says: expect.stringContaining('--enable-hierarchical-cache') },
    ]);
    const off = await serverWith({ [path]: { version: '0.5.4', disable_radix_cache: true } });
    expect(await findings(off.url)).toMatchObject([
      { verdict: 'warn', todo: expect.stringContaining('--disable-radix-cache') },
    ]);
  });

  test('llama.cpp, and whether it can save slots', async () => {
    const { url, world } = await llamaServer();
    expect(await findings(url)).toMatchObject([
      { verdict: 'ok', says: expect.stringMatching(/llama\.cpp b100-abc with tiny\.gguf.*--cache-reuse/) },
    ]);
    world.saves = false;
    expect((await findings(url))[1]).toMatchObject({ verdict: 'warn', todo: expect.stringContaining('--slot-save-path') });
  });

  test('a server that still loads its model', async () => {
    const { url, state } = await serverWith({});
    state.pages.set('/v1/models', (_got, response) => sendJson(response, 503, { error: { message: 'Loading model' } }));
    expect(await findings(url)).toMatchObject([{ verdict: 'warn', todo: expect.stringContaining('has loaded its model') }]);
  });

  test('others, one that wants a key, and none', async () => {
    const other = await serverWith({});
    expect(await findings(other.url)).toMatchObject([{ verdict: 'ok', says: expect.stringContaining('neither llama.cpp') }]);
    other.state.pages.set('/v1/models', (_got, response) => sendJson(response, 401, {}));
    expect(await findings(other.url)).toMatchObject([{ verdict: 'ok', says: expect.stringContaining('wants a key') }]);
    await other.close();
    expect(await findings(other.url)).toMatchObject([{ verdict: 'warn', todo: expect.stringContaining('AUTOCACHE_LLM_URL') }]);
  });
});

test('doctor looks at the configured server only', async () => {
  const { url } = await llamaServer();
  const { writeFileSync } = await import('node:fs');
  const cwd = tempDir();
  const doctor = async () => (await runCli(['doctor', '--url', 'http://127.0.0.1:1'], { cwd, stateDir: `${cwd}/state` })).out;
  const env = `AUTOCACHE_DIR=${cwd}/cache\nAUTOCACHE_LISTEN=127.0.0.1:0\n`;
  writeFileSync(`${cwd}/.env`, env);
  expect(await doctor()).not.toContain('llm');
  writeFileSync(`${cwd}/.env`, `${env}AUTOCACHE_LLM_URL=${url}\n`);
  expect(await doctor()).toMatch(/^ok +llm +llama\.cpp b100-abc/m);
});
