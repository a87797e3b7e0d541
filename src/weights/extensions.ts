/** Endings of files that hold weights. */
const models = /\.(safetensors|sft|gguf|ckpt|pt|pt2|pth|bin|pkl|onnx|engine|trt)$/i;
/** Formats whose loaders map the file; other loaders read from front to back. */
const mapped = /\.(safetensors|sft|gguf)$/i;

/** Endings of unfinished downloads, and of the notes beside them. */
const unfinished = new Set([
  // Browsers: Firefox, Chrome and Edge, Opera, Safari, Internet Explorer.
  ...['part', 'crdownload', 'opdownload', 'download', 'partial'],
  // Models: Hugging Face (with `lock` and `metadata`), InvokeAI, llama.cpp; others use `tmp`.
  ...['incomplete', 'lock', 'metadata', 'downloading', 'downloadinprogress', 'tmp', 'temp'],
  // Download managers: aria2 and Motrix, Free Download Manager, IDM, GetRight, FlashGet, Xunlei, Orbit, DAP, yt-dlp.
  ...[
    'aria2',
    'aria2__temp',
    'fdmdownload',
    'idm',
    'getright',
    'jc!',
    'td',
    'xltd',
    'ob!',
    'dap',
    'dltemp',
    'ytdl',
    'unfinished',
  ],
  // BitTorrent and other peers: uTorrent, qBittorrent, BitComet, Vuze, eMule, DC++.
  ...['!ut', '!qb', 'parts', '!bt', 'bc!', 'az!', 'met', 'dctmp', 'antifrag'],
  // Copies between machines and from clouds: WinSCP, Resilio Sync, lftp (its notes), gsutil and gcloud, AzCopy, Google Drive.
  ...['filepart', '!sync', 'syncpart', 'synctemp', 'lftp-pget-status', 'gstmp', 'azdownload', 'drivedownload', 'gddownload'],
]);

/** Unfinished names without an ending of their own. */
const unfinishedNames = [
  // Syncthing, Soulseek, GPT4All, Ollama.
  /^(\.syncthing\.|~syncthing~|incomplete~)/i,
  /^incomplete-.*\.gguf$/i,
  /^sha256-[0-9a-f]{64}-partial/i,
  // The AWS command line writes to `name.6eF5a5b8`; pieces of one download.
  /\.(safetensors|sft|gguf|ckpt|pt|pth|bin|onnx)\.([a-f0-9]{8}|(part|chunk|seg)[-._]?\d+)$/i,
  // axel's notes; programs that write to `name.tmp123` and rename it.
  /\.(safetensors|sft|gguf|ckpt|pt|pth|bin|onnx)\.(st|(tmp|temp|partial)[-._]?\w+)$/i,
  // rsync writes to `.name.a1B2c3`, Nextcloud to `.name.~4bd1`.
  /^\..+\.([a-z0-9]{6}|~[0-9a-f]+)$/i,
];

const litter = new Set(['$recycle.bin', 'system volume information', 'lost+found', '#recycle', '@eadir', '__pycache__']);
/** Hidden ones: macOS, the trash of Linux desktops. */
const hiddenLitter = /^\.(ds_store|fseventsd|spotlight-v100|trashes|temporaryitems|trash-\d+)$/i;

/** True for a name that only weights have. */
export function isModelName(name: string): boolean {
  return models.test(name);
}

export function isMapped(path: string): boolean {
  return mapped.test(path);
}

/** True for an unfinished file, by its name or that of its folder (Safari makes one). */
export function isUnfinished(path: string): boolean {
  return path.split(/[\\/]/).some(isUnfinishedName);
}

/**
 * Notes that a download manager (aria2, axel, lftp) keeps beside a file until the download is whole. They are the only sign, because the
 * file has its final name and length from the start.
 */
export function notesOfDownload(path: string): string[] {
  return ['aria2', 'st', 'lftp-pget-status'].map((ending) => `${path}.${ending}`);
}

const afterEnding = /\.((safetensors|gguf|ckpt|onnx).|(sft|pt2?|pth|bin|pkl|engine|trt)[^a-z0-9])/i;

/**
 * True for a name that continues after the ending of a model: a note, which is copied along with its model, or an unfinished download
 * of any program.
 */
export function goesOnAfterModel(name: string): boolean {
  return afterEnding.test(name) && !isModelName(name);
}

/** True for files that operating systems and NAS boxes create on a volume. */
export function isLitter(name: string): boolean {
  return litter.has(name.toLowerCase()) || hiddenLitter.test(name);
}

/** Names that no model has: hidden ones, unfinished downloads, the litter of operating systems and NAS boxes. */
export function isSkippedName(name: string): boolean {
  return name.startsWith('.') || isByItself(name);
}

/** Attributes that macOS keeps beside a file, and files that NFS and FUSE keep while a program has them open. */
const kept = /^\.(_|nfs[0-9a-f]{8}|fuse_hidden)/i;

/** True for files that come and go by themselves and are not missed. Hidden ones may be settings that a program keeps. */
export function isByItself(name: string): boolean {
  return isUnfinishedName(name) || isLitter(name) || kept.test(name);
}

function isUnfinishedName(name: string): boolean {
  const ending = /\.([^.]+)$/.exec(name)?.[1] ?? '';
  return unfinished.has(ending.toLowerCase()) || unfinishedNames.some((form) => form.test(name));
}
