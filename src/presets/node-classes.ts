/** An output of a node, as an API prompt writes it. Its kind keeps a VAE out of a socket for a model. */
export type Link<Kind extends string = string> = readonly [node: string, slot: number] & { readonly kind?: Kind };

type Model = Link<'MODEL'>;
type Clip = Link<'CLIP'>;
type Vae = Link<'VAE'>;
type Conditioning = Link<'CONDITIONING'>;
type Latent = Link<'LATENT'>;
type Image = Link<'IMAGE'>;
type Range = { start_percent: number; end_percent: number };
type Conditioned = { positive: Conditioning; negative: Conditioning };

interface Taking<Inputs> {
  gives<const Outputs extends readonly string[]>(...outputs: Outputs): { inputs?: Inputs; outputs: Outputs };
}

function takes<Inputs>(): Taking<Inputs> {
  return { gives: (...outputs) => ({ outputs }) };
}

/** Inputs and outputs of the nodes of ComfyUI's core used in presets. A test compares them with ComfyUI 0.33. */
export const nodeClasses = {
  CheckpointLoaderSimple: takes<{ ckpt_name: string }>().gives('MODEL', 'CLIP', 'VAE'),
  UNETLoader: takes<{ unet_name: string; weight_dtype: 'default' }>().gives('MODEL'),
  CLIPLoader: takes<{ clip_name: string; type: 'ltxv'; device: 'default' }>().gives('CLIP'),
  VAELoader: takes<{ vae_name: string }>().gives('VAE'),
  LTXAVTextEncoderLoader: takes<{ text_encoder: string; ckpt_name: string; device: 'default' }>().gives('CLIP'),
  LTXVAudioVAELoader: takes<{ ckpt_name: string }>().gives('VAE'),
  LatentUpscaleModelLoader: takes<{ model_name: string }>().gives('LATENT_UPSCALE_MODEL'),
  LoraLoaderModelOnly: takes<{ model: Model; lora_name: string; strength_model: number }>().gives('MODEL'),

  CLIPTextEncode: takes<{ text: string; clip: Clip }>().gives('CONDITIONING'),
  ConditioningZeroOut: takes<{ conditioning: Conditioning }>().gives('CONDITIONING'),
  LTXVConditioning: takes<Conditioned & { frame_rate: number }>().gives('CONDITIONING', 'CONDITIONING'),

  LoadImage: takes<{ image: string }>().gives('IMAGE', 'MASK'),
  ImageScale: takes<{ image: Image; upscale_method: 'lanczos'; width: number; height: number; crop: 'center' }>().gives(
    'IMAGE',
  ),
  ImageFromBatch: takes<{ image: Image; batch_index: number; length: number }>().gives('IMAGE'),
  LTXVPreprocess: takes<{ image: Image; img_compression: number }>().gives('IMAGE'),
  LoadVideo: takes<{ file: string }>().gives('VIDEO'),
  GetVideoComponents: takes<{ video: Link<'VIDEO'> }>().gives('IMAGE', 'AUDIO', 'FLOAT', 'INT', 'COMBO'),

  EmptyLTXVLatentVideo: takes<{ width: number; height: number; length: number; batch_size: number }>().gives('LATENT'),
  LTXVEmptyLatentAudio: takes<{
    frames_number: number;
    frame_rate: number;
    batch_size: number;
    audio_vae: Vae;
  }>().gives('LATENT'),
  LTXVConcatAVLatent: takes<{ video_latent: Latent; audio_latent: Latent }>().gives('LATENT'),
  LTXVSeparateAVLatent: takes<{ av_latent: Latent }>().gives('LATENT', 'LATENT'),
  LTXVLatentUpsampler: takes<{ samples: Latent; upscale_model: Link<'LATENT_UPSCALE_MODEL'>; vae: Vae }>().gives('LATENT'),
  LTXVImgToVideoInplace: takes<{
    vae: Vae;
    image: Image;
    latent: Latent;
    strength: number;
    bypass: boolean;
  }>().gives('LATENT'),

  GetICLoRAParameters: takes<{ iclora_model: Model }>().gives('IC_LORA_PARAMETERS'),
  LTXVAddGuide: takes<
    Conditioned & {
      vae: Vae;
      latent: Latent;
      image: Image;
      frame_idx: number;
      strength: number;
      iclora_parameters?: Link<'IC_LORA_PARAMETERS'>;
    }
  >().gives('CONDITIONING', 'CONDITIONING', 'LATENT'),
  LTXVCropGuides: takes<Conditioned & { latent: Latent }>().gives('CONDITIONING', 'CONDITIONING', 'LATENT'),

  LTXVSpatioTemporalGuidance: takes<Range & { model: Model; scale: number; blocks: string }>().gives('MODEL'),
  LTXVModalityGuidance: takes<Range & { model: Model; modality_scale: number }>().gives('MODEL'),
  EasyCache: takes<Range & { model: Model; reuse_threshold: number; verbose: boolean }>().gives('MODEL'),
  CFGGuider: takes<Conditioned & { model: Model; cfg: number }>().gives('GUIDER'),
  LTXVDualCFGGuider: takes<Conditioned & { model: Model; video_cfg: number; audio_cfg: number }>().gives('GUIDER'),
  LTXVScheduler: takes<{
    steps: number;
    max_shift: number;
    base_shift: number;
    stretch: boolean;
    terminal: number;
  }>().gives('SIGMAS'),
  ManualSigmas: takes<{ sigmas: string }>().gives('SIGMAS'),
  SplitSigmas: takes<{ sigmas: Link<'SIGMAS'>; step: number }>().gives('SIGMAS', 'SIGMAS'),
  RandomNoise: takes<{ noise_seed: number | bigint | string }>().gives('NOISE'),
  DisableNoise: takes<Record<never, never>>().gives('NOISE'),
  KSamplerSelect: takes<{ sampler_name: 'euler' | 'euler_ancestral' }>().gives('SAMPLER'),
  SamplerCustomAdvanced: takes<{
    noise: Link<'NOISE'>;
    guider: Link<'GUIDER'>;
    sampler: Link<'SAMPLER'>;
    sigmas: Link<'SIGMAS'>;
    latent_image: Latent;
  }>().gives('LATENT', 'LATENT'),

  VAEDecodeTiled: takes<{
    samples: Latent;
    vae: Vae;
    tile_size: number;
    overlap: number;
    temporal_size: number;
    temporal_overlap: number;
  }>().gives('IMAGE'),
  LTXVAudioVAEDecode: takes<{ samples: Latent; audio_vae: Vae }>().gives('AUDIO'),
  CreateVideo: takes<{ images: Image; fps: number; audio: Link<'AUDIO'> }>().gives('VIDEO'),
  SaveVideo: takes<{
    video: Link<'VIDEO'>;
    filename_prefix: string;
    format: 'auto';
    'format.codec': 'auto';
  }>().gives('VIDEO'),
};

export type NodeClass = keyof typeof nodeClasses;
export type InputsOf<C extends NodeClass> = NonNullable<(typeof nodeClasses)[C]['inputs']>;
export type OutputsOf<C extends NodeClass> = Links<(typeof nodeClasses)[C]['outputs']>;
type Links<Kinds extends readonly string[]> = { [Slot in keyof Kinds]: Link<Kinds[Slot]> };
