import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';

// biome-ignore lint/suspicious/noExplicitAny: a test knows what it sent
type Any = any;

/** A prompt that runs in the fake, which a test lets go on and end. */
export interface FakeRun {
  promptId: string;
  prompt: Any;
  /** The body of `POST /prompt`, as it came. */
  text: string;
  /** Tells its client something of it. */
  tell(type: string, data?: object): void;
  succeed(outputs?: object): void;
  fail(type: 'execution_error' | 'execution_interrupted', data?: object): void;
  /** Resolves when it is over, whoever ended it. */
  ended: Promise<void>;
}

/** A ComfyUI as far as whole prompts meet one: queue, history, messages, files. It runs one prompt at a time; ended with the test. */
export async function fakeComfyui({ port = 0, input = '/nowhere/input' } = {}) {
  const state = {
    version: '0.33.0',
    argv: ['/nowhere/ComfyUI/main.py', '--input-directory', input],
    /** What is done with a prompt that runs; one that is not ended here runs until the test ends it. */
    behave: ((run: FakeRun) => run.succeed(paint(run.prompt))) as (run: FakeRun) => unknown,
    /** The answer to `POST /prompt` in place of the queue's. */
    refuse: null as { status: number; body: unknown } | null,
    /** Whether it tells its clients anything. */
    hasSockets: true,
    /** Pages that are never answered. */
    hung: new Set<string>(),
    nodeErrors: {} as object,
  };
  const runs: FakeRun[] = [];
  const asked: string[] = [];
  const files = new Map<string, Buffer>();
  const pending: { number: number; promptId: string; start: () => void; prompt: Any }[] = [];
  const history: Record<string, object> = {};
  const clients = new Map<string, WebSocket>();
  let running: { promptId: string; prompt: Any; run: FakeRun } | null = null;
  let counter = 0;
  const wake: (() => void)[] = [];
  const changed = () => {
    for (const tell of wake.splice(0)) tell();
  };

  /** A file for each node that saves one, of bytes that tell the prompt apart. */
  function paint(prompt: Any): Record<string, object> {
    const saving = Object.entries<Any>(prompt).filter(([, { class_type }]) => /^(Save|Preview)Image$/.test(class_type));
    return Object.fromEntries(
      saving.map(([id, { inputs }]) => {
        counter += 1;
        const filename = `${inputs.filename_prefix ?? 'ComfyUI'}_${String(counter).padStart(5, '0')}_.png`;
        files.set(`output//${filename}`, Buffer.from(JSON.stringify(prompt)));
        return [id, { images: [{ filename, subfolder: '', type: 'output' }] }];
      }),
    );
  }

  function next(): void {
    if (running) return;
    pending.sort((a, b) => a.number - b.number);
    pending.shift()?.start();
  }

  function begin(promptId: string, { prompt, client_id: clientId }: Any, text: string): void {
    const ended = Promise.withResolvers<void>();
    const tell = (type: string, data: object = {}) => {
      if (state.hasSockets) clients.get(clientId)?.send(JSON.stringify({ type, data: { ...data, prompt_id: promptId } }));
    };
    const end = (outputs: object, completed: boolean, messages: unknown[]) => {
      if (running?.promptId !== promptId) return;
      const [last] = messages as [string, object][];
      if (last) tell(...last);
      history[promptId] = {
        outputs,
        status: { status_str: completed ? 'success' : 'error', completed, messages },
      };
      running = null;
      ended.resolve();
      changed();
      next();
    };
    const run: FakeRun = {
      promptId,
      prompt,
      text,
      tell,
      succeed: (outputs = {}) => end(outputs, true, [['execution_success', {}]]),
      fail: (type, data = {}) => end({}, false, [[type, data]]),
      ended: ended.promise,
    };
    running = { promptId, prompt, run };
    runs.push(run);
    tell('execution_start');
    changed();
    state.behave(run);
  }

  const server = createServer(async (request, response) => {
    if (request.url === '/upload/image') return keepUpload(request, response, input);
    const url = new URL(request.url ?? '/', 'http://fake');
    const page = `${request.method} ${url.pathname}`;
    asked.push(page);
    changed();
    if (state.hung.has(page)) return;
    const body: Any = request.method === 'POST' ? await textOf(request) : '';
    if (page === 'GET /system_stats') return send(response, 200, stats());
    if (page === 'GET /queue') return send(response, 200, queue());
    if (page === 'GET /object_info') return send(response, 200, {});
    if (url.pathname.startsWith('/history/')) {
      const id = url.pathname.slice('/history/'.length);
      return send(response, 200, history[id] ? { [id]: history[id] } : {});
    }
    if (page === 'GET /view') {
      const [filename, subfolder, type] = ['filename', 'subfolder', 'type'].map((name) => url.searchParams.get(name));
      const bytes = files.get(`${type}/${subfolder}/${filename}`);
      response.writeHead(bytes ? 200 : 404, { 'content-type': 'image/png', 'content-length': bytes?.length ?? 0 });
      return response.end(bytes);
    }
    if (page === 'POST /prompt') {
      if (state.refuse) return send(response, state.refuse.status, state.refuse.body);
      const asking = JSON.parse(body);
      const promptId = asking.prompt_id;
      counter += 1;
      pending.push({ number: counter, promptId, prompt: asking.prompt, start: () => begin(promptId, asking, body) });
      send(response, 200, { prompt_id: promptId, number: counter, node_errors: state.nodeErrors });
      return next();
    }
    if (page === 'POST /queue') {
      for (const id of JSON.parse(body).delete ?? []) {
        const at = pending.findIndex(({ promptId }) => promptId === id);
        if (at >= 0) pending.splice(at, 1);
      }
      return send(response, 200, {});
    }
    if (page === 'POST /interrupt') {
      const { prompt_id: id } = JSON.parse(body);
      if (running && running.promptId === id) running.run.fail('execution_interrupted');
      return send(response, 200, {});
    }
    return send(response, 404, {});
  });
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    if (!state.hasSockets) return socket.destroy();
    const id = new URL(request.url ?? '/', 'http://fake').searchParams.get('clientId') ?? '';
    sockets.handleUpgrade(request, socket, head, (client) => clients.set(id, client));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');

  function stats(): object {
    const system = { comfyui_version: state.version, pytorch_version: '2.15.0', argv: state.argv };
    return { system, devices: [{ name: 'cpu', type: 'cpu' }] };
  }

  function queue(): object {
    const item = ({ promptId, prompt, number = 0 }: Any) => [number, promptId, prompt, {}, []];
    return { queue_running: running ? [item(running)] : [], queue_pending: pending.map(item) };
  }

  const close = async () => {
    for (const client of clients.values()) client.terminate();
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(close);

  /** Resolves when it is so: looked at whenever something happens here. */
  const until = async (isSo: () => boolean) => {
    while (!isSo()) await new Promise<void>((resolve) => wake.push(resolve));
  };
  /** The nth prompt that runs, from 1, when it does. */
  const run = async (number: number): Promise<FakeRun> => {
    await until(() => runs.length >= number);
    return runs[number - 1] as FakeRun;
  };
  /** Forgets all, as a restart does. */
  const forget = () => {
    running = null;
    pending.length = 0;
    for (const id of Object.keys(history)) delete history[id];
  };
  const { port: listening } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${listening}/`;
  return { state, url, port: listening, runs, run, asked, files, until, paint, pending, forget, clients, close };
}

async function textOf(request: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Into a folder of the input folder, as its page does it. */
async function keepUpload(request: IncomingMessage, response: ServerResponse, input: string): Promise<void> {
  const headers = { 'content-type': String(request.headers['content-type']) };
  const form: Any = await new Response(Readable.toWeb(request) as Any, { headers }).formData();
  const folder = join(input, form.get('subfolder'));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, form.get('image').name), Buffer.from(await form.get('image').arrayBuffer()));
  response.end('{}');
}
