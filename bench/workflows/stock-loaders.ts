/**
 * Stock loader nodes of ComfyUI 0.33 for the benchmark's ground truth: the widget values of a node that name a model file, by
 * position and by input. Written by hand from the nodes' definitions, not taken from `config/comfyui-nodes.json`, so that a mistake
 * there shows.
 */
export const stockLoaders: Readonly<Record<string, readonly { at: number; input: string; folder: string }[]>> = {
  CheckpointLoaderSimple: [{ at: 0, input: 'ckpt_name', folder: 'checkpoints' }],
  ImageOnlyCheckpointLoader: [{ at: 0, input: 'ckpt_name', folder: 'checkpoints' }],
  unCLIPCheckpointLoader: [{ at: 0, input: 'ckpt_name', folder: 'checkpoints' }],
  LTXVAudioVAELoader: [{ at: 0, input: 'ckpt_name', folder: 'checkpoints' }],
  LTXAVTextEncoderLoader: [
    { at: 0, input: 'text_encoder', folder: 'text_encoders' },
    { at: 1, input: 'ckpt_name', folder: 'checkpoints' },
  ],
  UNETLoader: [{ at: 0, input: 'unet_name', folder: 'diffusion_models' }],
  CLIPLoader: [{ at: 0, input: 'clip_name', folder: 'text_encoders' }],
  DualCLIPLoader: [
    { at: 0, input: 'clip_name1', folder: 'text_encoders' },
    { at: 1, input: 'clip_name2', folder: 'text_encoders' },
  ],
  TripleCLIPLoader: [0, 1, 2].map((at) => ({ at, input: `clip_name${at + 1}`, folder: 'text_encoders' })),
  QuadrupleCLIPLoader: [0, 1, 2, 3].map((at) => ({ at, input: `clip_name${at + 1}`, folder: 'text_encoders' })),
  CLIPVisionLoader: [{ at: 0, input: 'clip_name', folder: 'clip_vision' }],
  VAELoader: [{ at: 0, input: 'vae_name', folder: 'vae' }],
  LoraLoader: [{ at: 0, input: 'lora_name', folder: 'loras' }],
  LoraLoaderModelOnly: [{ at: 0, input: 'lora_name', folder: 'loras' }],
  ControlNetLoader: [{ at: 0, input: 'control_net_name', folder: 'controlnet' }],
  StyleModelLoader: [{ at: 0, input: 'style_model_name', folder: 'style_models' }],
  UpscaleModelLoader: [{ at: 0, input: 'model_name', folder: 'upscale_models' }],
  LatentUpscaleModelLoader: [{ at: 0, input: 'model_name', folder: 'latent_upscale_models' }],
  AudioEncoderLoader: [{ at: 0, input: 'audio_encoder_name', folder: 'audio_encoders' }],
  ModelPatchLoader: [{ at: 0, input: 'name', folder: 'model_patches' }],
  FrameInterpolationModelLoader: [{ at: 0, input: 'model_name', folder: 'frame_interpolation' }],
  OpticalFlowLoader: [{ at: 0, input: 'model_name', folder: 'optical_flow' }],
  LoadMoGeModel: [{ at: 0, input: 'model_name', folder: 'geometry_estimation' }],
  LoadDA3Model: [{ at: 0, input: 'model_name', folder: 'geometry_estimation' }],
  LoadMediaPipeFaceLandmarker: [{ at: 0, input: 'model_name', folder: 'detection' }],
  LoadBackgroundRemovalModel: [{ at: 0, input: 'bg_removal_name', folder: 'background_removal' }],
};
