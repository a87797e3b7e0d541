import { isAbsolute, join, sep } from 'node:path';
import type { ComfyuiFacts } from '../comfyui/system-stats.ts';
import { inputTexts } from '../workflow/input-texts.ts';
import { Budget } from '../workflow/limits.ts';
import type { ReadPrompt } from './read-prompt.ts';

/** A file, not a model, that a node reads. */
export interface InputFile {
  node: string;
  /** Its name in the prompt. */
  name: string;
  /** Its path on this machine; null = unknown. */
  path: string | null;
  /** Whether its node needs it; else the text only looks like the name of a file. */
  isNeeded: boolean;
}

const media =
  /\.(?:png|jpe?g|webp|gif|bmp|tiff?|exr|hdr|svg|mp4|webm|mov|mkv|avi|wav|mp3|flac|ogg|opus|m4a|glb|gltf|obj|fbx|stl|ply|splat|spz|ksplat|latent|npz?|srt|csv|txt|json)$/i;
const longest = 1024;

/**
 * The files that the executed nodes read from ComfyUI's directories, or by their paths.
 * @param isModel recognises texts that name a model, which are looked up elsewhere
 */
export function inputFilesOf(
  { executed, classes, literals }: ReadPrompt,
  { directories }: Pick<ComfyuiFacts, 'directories'>,
  isModel: (node: string, text: string) => boolean,
): InputFile[] {
  const budget = new Budget();
  return executed.flatMap((node) => {
    const { inputFiles } = classes.core;
    const named = Object.hasOwn(inputFiles, node.classType) ? (inputFiles[node.classType] ?? []) : [];
    const isStock = classes.isCore(node.classType);
    return inputTexts(node, { classes, literals, budget }).texts.flatMap(({ input, text }): InputFile[] => {
      const isNeeded = named.includes(input);
      if (text === '' || text.length > longest || /[\n\0]/.test(text) || input === 'filename_prefix') return [];
      // Stock nodes read only the inputs known to name files.
      if (!isNeeded && (isStock || isModel(node.id, text) || !(media.test(nameIn(text)) || isAbsolute(text)))) return [];
      return [{ node: node.id, name: text, path: pathOf(text, directories), isNeeded: isNeeded || isAbsolute(text) }];
    });
  });
}

/** `a.png [output]` is in another directory. */
const annotated = /^(.*) \[(input|output|temp)\]$/s;

function nameIn(text: string): string {
  return annotated.exec(text)?.[1] ?? text;
}

function pathOf(text: string, directories: ComfyuiFacts['directories']): string | null {
  if (isAbsolute(text)) return text;
  const [, name = text, where = 'input'] = annotated.exec(text) ?? [];
  const directory = directories[where as keyof typeof directories];
  if (directory === null) return null;
  const path = join(directory, name);
  // ComfyUI reads nothing outside its directories.
  return path.startsWith(directory.endsWith(sep) ? directory : directory + sep) ? path : null;
}
