import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';

const program = join(import.meta.dirname, '..', 'comfyui', 'comfyui_process.py');
const python = process.platform === 'win32' ? 'python' : 'python3';

/** A ComfyUI in a process of its own, as far as the shim meets one: see `comfyui_process.py` for what it can be told to do. */
export interface ComfyuiProcess {
  pid: number;
  /** Runs one of its commands. @throws Error with what the command raised */
  tell(command: string, ...args: unknown[]): Promise<unknown>;
  end(): Promise<void>;
}

/** Starts one with the shim; it ends with the test. @param models holds one folder for each category */
export async function startComfyui(models: string, stateDir: string): Promise<ComfyuiProcess> {
  const env = { ...process.env, AUTOCACHE_STATE: stateDir, MODELS: models };
  const child = spawn(python, [program], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, 'exit');
  const end = async () => {
    child.stdin.end();
    await ended;
  };
  onTestFinished(end);
  const next = async () => {
    const { done, value } = await answers.next();
    if (done) throw new Error('the process of ComfyUI has ended');
    return JSON.parse(value) as { value?: unknown; error?: string };
  };
  await next();
  return {
    pid: child.pid ?? 0,
    async tell(...command) {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      const { value, error } = await next();
      if (error !== undefined) throw new Error(error);
      return value;
    },
    end,
  };
}
