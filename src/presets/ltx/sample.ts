import type { Graph } from '../graph.ts';
import type { Link } from '../node-classes.ts';
import type { Seed } from './slots.ts';
import type { Conditioned } from './text.ts';

type SamplerName = 'euler' | 'euler_ancestral';

export interface Sampled extends Conditioned {
  model: Link<'MODEL'>;
  latent: Link<'LATENT'>;
  seed: Seed;
}

/** The noise levels that the distilled models were trained for, and the last of them, for a second stage. */
const distilledSigmas = '1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875, 0.0';
const refiningSigmas = '0.909375, 0.725, 0.421875, 0.0';

/** The transformer block whose attention spatio-temporal guidance disturbs, in a model of 48. */
const guidedBlock = '28';

/** Adaptive: share of the steps after which guidance ends, as the noise is low. Steps are reused only after it. */
const guidanceEnds = 0.6;
/** Adaptive: the part of the steps after which the negative text is left out. */
const negativeEnds = 0.8;
/** Adaptive: estimated change below which a step reuses the last one. */
const reuseBelow = 0.2;
const reuseEnds = 0.95;

/**
 * Guided sampling: text 3 for video and 7 for audio, spatio-temporal guidance 1, coupling of video and audio 3; four passes a step.
 * Adaptive: two passes once the noise is low, one in the last fifth of the steps, and none for steps with hardly any change.
 */
export function guided(
  graph: Graph,
  { model, latent, seed, steps, isAdaptive, ...text }: Sampled & { steps: number; isAdaptive: boolean },
): Link<'LATENT'> {
  const range = { start_percent: 0, end_percent: isAdaptive ? guidanceEnds : 1 };
  const [inSpaceAndTime] = graph.add('LTXVSpatioTemporalGuidance', { model, scale: 1, blocks: guidedBlock, ...range });
  const [coupled] = graph.add('LTXVModalityGuidance', { model: inSpaceAndTime, modality_scale: 3, ...range });
  const patched = isAdaptive ? reusing(graph, coupled, guidanceEnds) : coupled;
  const [guider] = graph.add('LTXVDualCFGGuider', { model: patched, ...text, video_cfg: 3, audio_cfg: 7 });
  const [noise] = graph.add('RandomNoise', { noise_seed: seed });
  const [sampler] = graph.add('KSamplerSelect', { sampler_name: 'euler' });
  const [sigmas] = graph.add('LTXVScheduler', { steps, max_shift: 2.05, base_shift: 0.95, stretch: true, terminal: 0.1 });
  if (!isAdaptive) {
    const [sampled] = graph.add('SamplerCustomAdvanced', { noise, guider, sampler, sigmas, latent_image: latent });
    return sampled;
  }
  const [high, low] = graph.add('SplitSigmas', { sigmas, step: Math.max(1, Math.floor(steps * negativeEnds)) });
  const [begun] = graph.add('SamplerCustomAdvanced', { noise, guider, sampler, sigmas: high, latent_image: latent });
  const [positiveOnly] = graph.add('CFGGuider', { model: patched, ...text, cfg: 1 });
  const [noMoreNoise] = graph.add('DisableNoise', {});
  const rest = { noise: noMoreNoise, guider: positiveOnly, sampler, sigmas: low, latent_image: begun };
  const [sampled] = graph.add('SamplerCustomAdvanced', rest);
  return sampled;
}

/** Eight steps of a distilled model, one pass each. */
export function distilled(
  graph: Graph,
  { model, isAdaptive, sampler, ...rest }: Sampled & { isAdaptive: boolean; sampler: SamplerName },
): Link<'LATENT'> {
  const patched = isAdaptive ? reusing(graph, model, 0.15) : model;
  return unguided(graph, { ...rest, model: patched, sigmas: distilledSigmas, sampler });
}

/** Three steps at full size. */
export function refined(graph: Graph, sampled: Sampled): Link<'LATENT'> {
  return unguided(graph, { ...sampled, sigmas: refiningSigmas, sampler: 'euler' });
}

/** Reuses steps from `from` on: during guidance it would take a disturbed pass for a step without change. */
function reusing(graph: Graph, model: Link<'MODEL'>, from: number): Link<'MODEL'> {
  const range = { start_percent: from, end_percent: reuseEnds };
  const [cached] = graph.add('EasyCache', { model, reuse_threshold: reuseBelow, ...range, verbose: false });
  return cached;
}

function unguided(
  graph: Graph,
  { model, latent, seed, sigmas: levels, sampler: name, ...text }: Sampled & { sigmas: string; sampler: SamplerName },
): Link<'LATENT'> {
  const [guider] = graph.add('CFGGuider', { model, ...text, cfg: 1 });
  const [noise] = graph.add('RandomNoise', { noise_seed: seed });
  const [sampler] = graph.add('KSamplerSelect', { sampler_name: name });
  const [sigmas] = graph.add('ManualSigmas', { sigmas: levels });
  const [sampled] = graph.add('SamplerCustomAdvanced', { noise, guider, sampler, sigmas, latent_image: latent });
  return sampled;
}
