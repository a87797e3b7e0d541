import type { Graph } from '../graph.ts';
import type { Link } from '../node-classes.ts';
import type { Slot } from '../slots.ts';
import { beginWith, readyImages, withoutGuides } from './images.ts';
import type { LtxKind } from './kind.ts';
import { doubled, emptyAudio, emptyVideo, halfOf, joined, separated } from './latents.ts';
import { load } from './load.ts';
import { distilled, refined } from './sample.ts';
import { save } from './save.ts';
import { common, prompt, start } from './slots.ts';
import { encode } from './text.ts';

const slots: readonly Slot[] = [
  prompt,
  { name: 'video', kind: 'text', isOpen: true, meaning: 'the video to be guided by, a file of the input folder' },
  { name: 'lora', kind: 'text', default: '', meaning: "another IC-LoRA in loras, in place of the family's" },
  { name: 'loraStrength', kind: 'number', default: 1, min: -10, max: 10, meaning: 'strength of the IC-LoRA' },
  start,
  // An IC-LoRA may want its guide at half the size of a first stage that is half of this.
  ...common({ width: 1536, height: 1024, multipleOf: 128 }),
];

/** The distilled model led by a video through an IC-LoRA, at half size; then doubled and refined without it. */
export const icLora: LtxKind = {
  name: 'ic-lora',
  description: 'a video (depth, edges, pose, a reference) and text to video, led by an IC-LoRA',
  slots,

  build(graph, settings, family, { isAdaptive, isQuantized }) {
    const loaded = load(graph, family, 'distilled', isQuantized);
    const vae = loaded.videoVae;
    const { lora, loraStrength, seed } = settings;
    const file = lora === '' ? family.icLora : { category: 'loras', name: lora, url: null };
    const lora_name = graph.file(file);
    const [led] = graph.add('LoraLoaderModelOnly', { model: loaded.model, lora_name, strength_model: loraStrength });
    const [iclora_parameters] = graph.add('GetICLoRAParameters', { iclora_model: led });
    const text = encode(graph, loaded.clip, { ...settings, negative: null });
    const images = readyImages(graph, settings, family);

    const small = beginWith(graph, images, { latent: emptyVideo(graph, halfOf(settings)), vae });
    const guide = { vae, image: framesOf(graph, settings), frame_idx: 0, strength: 1, iclora_parameters };
    const [positive, negative, guided] = graph.add('LTXVAddGuide', { ...text, latent: small, ...guide });
    const latent = joined(graph, { video: guided, audio: emptyAudio(graph, loaded.audioVae, settings) });
    const how = { seed, sampler: family.distilledSampler, isAdaptive };
    const sampled = separated(graph, distilled(graph, { positive, negative, model: led, latent, ...how }));

    const alone = withoutGuides(graph, { positive, negative, latent: sampled.video });
    const large = beginWith(graph, images, { latent: doubled(graph, alone, { ...family, vae }), vae });
    const second = joined(graph, { video: large, audio: sampled.audio });
    const final = refined(graph, { ...text, model: loaded.model, latent: second, seed });
    save(graph, separated(graph, final), { loaded, family, settings });
  },
};

/** Limits the guide to the number of frames of the resulting video. */
function framesOf(graph: Graph, { video: file, frames }: { video: string; frames: number }): Link<'IMAGE'> {
  const [video] = graph.add('LoadVideo', { file });
  const [images] = graph.add('GetVideoComponents', { video });
  const [first] = graph.add('ImageFromBatch', { image: images, batch_index: 0, length: frames });
  return first;
}
