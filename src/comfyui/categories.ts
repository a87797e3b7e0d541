/**
 * ComfyUI's model categories with the folders of `models/` that each reads, in ComfyUI's order. `configs`, `custom_nodes` and
 * `datasets` hold no weights.
 */
export const standardCategories: Readonly<Record<string, readonly string[]>> = {
  checkpoints: ['checkpoints'],
  loras: ['loras'],
  vae: ['vae'],
  text_encoders: ['text_encoders', 'clip'],
  diffusion_models: ['unet', 'diffusion_models'],
  clip_vision: ['clip_vision'],
  style_models: ['style_models'],
  embeddings: ['embeddings'],
  diffusers: ['diffusers'],
  vae_approx: ['vae_approx'],
  controlnet: ['controlnet', 't2i_adapter'],
  gligen: ['gligen'],
  upscale_models: ['upscale_models'],
  latent_upscale_models: ['latent_upscale_models'],
  hypernetworks: ['hypernetworks'],
  photomaker: ['photomaker'],
  classifiers: ['classifiers'],
  model_patches: ['model_patches'],
  audio_encoders: ['audio_encoders'],
  background_removal: ['background_removal'],
  frame_interpolation: ['frame_interpolation'],
  geometry_estimation: ['geometry_estimation'],
  optical_flow: ['optical_flow'],
  detection: ['detection'],
};

/** Keys of a paths file for things other than weights. */
export const notModels: ReadonlySet<string> = new Set(['custom_nodes', 'configs', 'datasets', 'fonts', 'download_model_base']);

// `unet` and `clip` are ComfyUI's own old names; the others are the GGUF loaders' second names for the same folders.
const legacy: Readonly<Record<string, string>> = {
  unet: 'diffusion_models',
  clip: 'text_encoders',
  unet_gguf: 'diffusion_models',
  clip_gguf: 'text_encoders',
};

const categoryOfFolder = new Map(
  Object.entries(standardCategories).flatMap(([category, folders]) => folders.map((folder) => [folder, category] as const)),
);

/** The present name of a category: a legacy name becomes the current one, others stay. */
export function currentCategory(name: string): string {
  return Object.hasOwn(legacy, name) ? (legacy[name] ?? name) : name;
}

/** The category of a folder of `models/`; a folder unknown to ComfyUI is a category of its own. */
export function folderCategory(folder: string): string {
  return categoryOfFolder.get(folder) ?? folder;
}

/** The category named like the folder; null for none of ComfyUI's own. */
export function standardCategory(folder: string): string | null {
  return categoryOfFolder.get(folder) ?? null;
}

/** The folders of `models/` for a category, in ComfyUI's order. */
export function categoryFolders(category: string): readonly string[] {
  const current = currentCategory(category);
  return Object.hasOwn(standardCategories, current) ? (standardCategories[current] ?? [current]) : [current];
}
