import { describe, expect, test } from 'vitest';
import { goesOnAfterModel, isModelName, isSkippedName, isUnfinished, notesOfDownload } from '../../src/weights/extensions.ts';

const model = 'flux1-dev.safetensors';

describe('a download that is not finished is known by its name', () => {
  test.each([
    ['Firefox, transmission, JDownloader, wget-likes', `${model}.part`],
    ['Chrome and Edge', 'Unconfirmed 512345.crdownload'],
    ['Opera', `${model}.opdownload`],
    ['Safari: a folder', `loras/${model}.download/${model}`],
    ['rclone, torch.hub', `${model}.1f4a9c2d.partial`],
    ['Hugging Face', `.cache/huggingface/download/${model}.76d5729be9.incomplete`],
    ['Hugging Face: notes', `.cache/huggingface/download/${model}.metadata`],
    ['Hugging Face: a lock', `.cache/huggingface/download/${model}.lock`],
    ['ComfyUI on the desktop', `Unconfirmed ${model}.tmp`],
    ['InvokeAI', `${model}.downloading`],
    ['llama.cpp', 'qwen3-8b-q4_k_m.gguf.downloadInProgress'],
    ['GPT4All', 'incomplete-qwen3-8b-q4_k_m.gguf'],
    ['Ollama', `sha256-${'0a'.repeat(32)}-partial-3`],
    ['aria2, Motrix: notes', `${model}.aria2`],
    ['Free Download Manager', `${model}.fdmdownload`],
    ['Xunlei', `${model}.xltd`],
    ['uTorrent', `${model}.!ut`],
    ['qBittorrent', `${model}.!qB`],
    ['BitComet', `${model}.bc!`],
    ['eMule', '001.part.met'],
    ['WinSCP', `${model}.filepart`],
    ["axel's notes", `${model}.st`],
    ['programs that rename when they are done', `${model}.tmp123`],
    ['the same', `${model}.partial-0f3a`],
    ['Syncthing', `.syncthing.${model}.tmp`],
    ['Syncthing on Windows', `~syncthing~${model}.tmp`],
    ['rsync', `.${model}.Xy3b9Q`],
    ['Nextcloud', `.${model}.~4bd1`],
    ['Soulseek', `INCOMPLETE~${model}`],
    ['the AWS command line', `${model}.6eF5a5b8`],
    ['gsutil, gcloud storage', `${model}_.gstmp`],
    ['qBittorrent: pieces of files that are not wanted', '0a1b2c.parts'],
    ["lftp's notes", `${model}.lftp-pget-status`],
    ['Google Drive', `${model}.drivedownload`],
    ['pieces', `${model}.part1`],
    ['pieces', `${model}.chunk-03`],
    ['capitals', `${model.toUpperCase()}.PART`],
    ['a path of Windows', `loras\\${model}.download\\${model}`],
  ])('%s: %s', (_program, path) => {
    expect(isUnfinished(path)).toBe(true);
  });

  test.each([
    model,
    'partial.ckpt',
    'part',
    'download/lora.safetensors',
    'temp/vae.pt',
    'incomplete-lora.safetensors',
    '.hidden.safetensors',
    'model.part.safetensors',
    'model-part1.safetensors',
    'lora.1a2b3c4d.safetensors',
    'tokenizer.json',
  ])('not %s', (path) => {
    expect(isUnfinished(path)).toBe(false);
  });
});

test('a download manager that gives a file its name and length at once keeps notes beside it', () => {
  expect(notesOfDownload('/m/a.ckpt')).toEqual(['/m/a.ckpt.aria2', '/m/a.ckpt.st', '/m/a.ckpt.lftp-pget-status']);
});

test('names that are nobody’s model', () => {
  const names = [
    'a.safetensors',
    'a.part',
    'A.PART',
    '.a',
    'a.tmp',
    '$RECYCLE.BIN',
    '__pycache__',
    'a.gguf.aria2',
    'partial.ckpt',
  ];
  expect(names.filter((name) => !isSkippedName(name))).toEqual(['a.safetensors', 'partial.ckpt']);
});

test('names of models', () => {
  const names = ['a.safetensors', 'A.CKPT', 'a.pt2', 'a.gguf', 'a.engine', 'a.txt', 'a', 'safetensors', 'a.safetensors.part'];
  expect(names.filter(isModelName)).toEqual(['a.safetensors', 'A.CKPT', 'a.pt2', 'a.gguf', 'a.engine']);
});

test('a name that goes on after the ending of a model is no model; one that has the ending within it is one', () => {
  const goesOn = ['a.safetensors.json', 'a.gguf.s3tmp', 'a.onnx_data', 'a.pth.copying', 'a.BIN~', 'a.pt2.x'];
  expect(goesOn.filter((name) => !goesOnAfterModel(name))).toEqual([]);
  const models = [
    'a.safetensors',
    'a.pt.safetensors',
    'a.ckpt.bin',
    'a.binary',
    'config.json',
    'a.ptx',
    'safetensors.txt',
    'a.pt2',
  ];
  expect(models.filter(goesOnAfterModel)).toEqual([]);
});
