import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.ts';

interface Options {
  /** A checkout of ComfyUI, and a Python with its requirements. */
  checkout: string;
  python: string;
  /** Its base directory: custom nodes, output, log. */
  base: string;
  /** Folder with a sub-folder for each category. */
  models: string;
  /** More flags. */
  flags?: string[];
  /** Added to the caller's own environment. */
  env?: Record<string, string>;
}

/** A prompt that sends a small image through upscalers in a row, each of which keeps its size, and saves it. */
export function upscaling(names: readonly string[]): object {
  return {
    start: { class_type: 'EmptyImage', inputs: { width: 16, height: 16, batch_size: 1, color: 0x336699 } },
    ...Object.fromEntries(
      names.flatMap((name, k) => [
        [`load${k}`, { class_type: 'UpscaleModelLoader', inputs: { model_name: name } }],
        [
          `use${k}`,
          {
            class_type: 'ImageUpscaleWithModel',
            inputs: { upscale_model: [`load${k}`, 0], image: [k === 0 ? 'start' : `use${k - 1}`, 0] },
          },
        ],
      ]),
    ),
    save: { class_type: 'SaveImage', inputs: { images: [`use${names.length - 1}`, 0], filename_prefix: 'image' } },
  };
}

/** Outputs of nodes for people, by node id. */
type Outputs = Record<
  string,
  { images?: { filename: string; subfolder: string; type: string }[]; text?: string[] } | undefined
>;

interface History {
  status: { completed: boolean; status_str: string };
  outputs: Outputs;
}

/** A real ComfyUI on the CPU, with its own base directory. */
export class ComfyuiServer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly url: string;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  /** @throws when it does not answer within ten minutes */
  static async start({ checkout, python, base, models, flags = [], env }: Options): Promise<ComfyuiServer> {
    const port = await freePort();
    for (const dir of ['custom_nodes', 'input', 'output']) mkdirSync(join(base, dir), { recursive: true });
    const folders = readdirSync(models).map((category) => `  ${category}: ${category}`);
    const paths = join(base, 'paths.yaml');
    writeFileSync(paths, ['bench:', `  base_path: ${models}`, ...folders, ''].join('\n'));
    const logFile = join(base, 'comfyui.log');
    const log = openSync(logFile, 'a');
    const common = ['--disable-api-nodes', '--disable-auto-launch', '--database-url', 'sqlite:///:memory:'];
    const places = ['--base-directory', base, '--extra-model-paths-config', paths];
    const child = spawn(
      python,
      ['main.py', '--cpu', '--listen', '127.0.0.1', '--port', String(port), ...common, ...places, ...flags],
      {
        cwd: checkout,
        env: { ...process.env, ...env },
        stdio: ['ignore', log, log],
      },
    );
    const server = new ComfyuiServer(child, `http://127.0.0.1:${port}`);
    const deadline = performance.now() + 600_000;
    while (!(await server.#answers())) {
      if (child.exitCode !== null || performance.now() > deadline) {
        await server[Symbol.asyncDispose]();
        throw new Error(`ComfyUI did not start; the end of its log:\n${readFileSync(logFile, 'utf8').slice(-2000)}`);
      }
      await sleep(250);
    }
    return server;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Runs a prompt to its end. @returns seconds from sending it, and the bytes of its first image */
  async run(prompt: object): Promise<{ seconds: number; image: Buffer }> {
    const sent = performance.now();
    const outputs = await this.outputs(prompt);
    return { seconds: (performance.now() - sent) / 1000, image: await this.#image(outputs) };
  }

  /**
   * Runs a prompt to its end.
   * @param more further fields of the request
   * @throws when ComfyUI refuses it, or it fails
   */
  async outputs(prompt: object, more: object = {}): Promise<Outputs> {
    const promptId = randomUUID();
    await this.#post('/prompt', { prompt, prompt_id: promptId, ...more });
    for (;;) {
      const { body } = await this.get(`/history/${promptId}`);
      const done = (body as Record<string, History>)[promptId];
      if (done && !done.status.completed) throw new Error(`the prompt failed: ${JSON.stringify(done.status)}`);
      if (done) return done.outputs;
      await sleep(20);
    }
  }

  /** Releases every model and all results of earlier prompts. */
  async free(): Promise<void> {
    await this.#post('/free', { unload_models: true, free_memory: true });
    // The queue's thread does it within its interval of a second, and does not report it.
    await sleep(2500);
  }

  /** Files below a directory that the process has open or mapped. */
  openFilesBelow(dir: string): string[] {
    const proc = `/proc/${this.pid}`;
    const mapped = readFileSync(`${proc}/maps`, 'utf8').split('\n');
    const paths = mapped.map((line) => line.slice(line.indexOf('/')).trim());
    for (const fd of readdirSync(`${proc}/fd`)) {
      try {
        paths.push(readlinkSync(`${proc}/fd/${fd}`));
      } catch {
        // The file was closed meanwhile.
      }
    }
    return [...new Set(paths.filter((path) => path.startsWith(`${dir}/`)))];
  }

  /** The answer of one of its GET routes. */
  async get(path: string): Promise<{ status: number; body: unknown }> {
    const answer = await fetch(this.url + path);
    return { status: answer.status, body: await answer.json().catch(() => null) };
  }

  /** Asks the process to end. @returns false when it had to be killed after half a minute, as can happen with a cold page cache */
  async end(signal: NodeJS.Signals): Promise<boolean> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return true;
    const gone = once(child, 'exit');
    child.kill(signal);
    let obeyed = true;
    const timer = setTimeout(() => {
      obeyed = false;
      child.kill('SIGKILL');
    }, 30_000);
    await gone;
    clearTimeout(timer);
    return obeyed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGTERM');
  }

  async #answers(): Promise<boolean> {
    return fetch(`${this.url}/system_stats`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  async #image(outputs: Outputs): Promise<Buffer> {
    const image = Object.values(outputs).flatMap((output) => output?.images ?? [])[0];
    if (!image) throw new Error('the prompt gave no image');
    const answer = await fetch(`${this.url}/view?${new URLSearchParams({ ...image })}`);
    return Buffer.from(await answer.arrayBuffer());
  }

  async #post(path: string, body: object): Promise<void> {
    const headers = { 'Content-Type': 'application/json' };
    const answer = await fetch(this.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  }
}
