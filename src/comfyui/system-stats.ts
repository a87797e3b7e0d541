import { dirname, isAbsolute, join } from 'node:path';
import { z } from 'zod';

const statsSchema = z.object({
  system: z.looseObject({
    comfyui_version: z.string(),
    pytorch_version: z.string().optional(),
    argv: z.array(z.string()).default([]),
  }),
  devices: z.array(z.looseObject({ name: z.string() })).default([]),
});

/** Facts of a ComfyUI. */
export interface ComfyuiFacts {
  /** Everything that may change a prompt's outputs: versions, devices, flags. */
  environment: string;
  /** Its directories by `input`, `output`, `temp`; null where its command line does not tell. */
  directories: Readonly<Record<'input' | 'output' | 'temp', string | null>>;
}

/** Flags that change where and for whom it runs, but not what it computes. */
const aside = new Set([
  ...['listen', 'port', 'tls-keyfile', 'tls-certfile', 'enable-cors-header', 'max-upload-size', 'verbose', 'log-stdout'],
  ...['base-directory', 'output-directory', 'temp-directory', 'input-directory', 'user-directory', 'models-directory'],
  ...['extra-model-paths-config', 'auto-launch', 'disable-auto-launch', 'front-end-version', 'front-end-root', 'database-url'],
  ...['dont-print-server', 'multi-user', 'windows-standalone-build', 'enable-assets', 'preview-method'],
  ...['preview-size', 'cache-classic', 'cache-lru', 'cache-none', 'cache-ram', 'high-ram', 'enable-manager', 'comfy-api-base'],
]);

/**
 * From the answer of `GET /system_stats`.
 * @param usualBase its own directory, where its command line has no whole path
 * @returns null when it is none of ComfyUI
 */
export function factsFrom(stats: unknown, usualBase: string | null): ComfyuiFacts | null {
  const read = statsSchema.safeParse(stats);
  if (!read.success) return null;
  const { system, devices } = read.data;
  const flags = flagsIn(system.argv.slice(1));
  const environment = JSON.stringify({
    comfyui: system.comfyui_version,
    pytorch: system.pytorch_version ?? null,
    devices: devices.map(({ name }) => name),
    flags: [...flags].filter(([name]) => !aside.has(name)).sort(),
  });
  const [program = ''] = system.argv;
  const base = flags.get('base-directory')?.[0] ?? (isAbsolute(program) ? dirname(program) : usualBase);
  const directory = (name: 'input' | 'output' | 'temp') => {
    const own = flags.get(`${name}-directory`)?.[0];
    // ComfyUI makes a folder `temp` in the one that is named.
    if (own !== undefined) return absolute(name === 'temp' ? join(own, 'temp') : own);
    return base === null ? null : absolute(join(base, name));
  };
  return { environment, directories: { input: directory('input'), output: directory('output'), temp: directory('temp') } };
}

function absolute(path: string): string | null {
  return isAbsolute(path) ? path : null;
}

/** Flags by name without dashes, with their values. */
function flagsIn(words: readonly string[]): Map<string, string[]> {
  const flags = new Map<string, string[]>();
  let values: string[] = [];
  for (const word of words) {
    const [, name, value] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === undefined) values.push(word);
    else {
      values = value === undefined ? [] : [value];
      flags.set(name, values);
    }
  }
  return flags;
}
