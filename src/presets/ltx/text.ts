import type { Graph } from '../graph.ts';
import type { Link } from '../node-classes.ts';

/** The positive and the negative text of the sampler. */
export interface Conditioned {
  positive: Link<'CONDITIONING'>;
  negative: Link<'CONDITIONING'>;
}

interface Text {
  prompt: string;
  /** Null when the sampler never uses it: then no text is encoded for it. */
  negative: string | null;
  fps: number;
}

export function encode(graph: Graph, clip: Link<'CLIP'>, { prompt, negative, fps }: Text): Conditioned {
  const [wanted] = graph.add('CLIPTextEncode', { text: prompt, clip });
  const [unwanted] =
    negative === null
      ? graph.add('ConditioningZeroOut', { conditioning: wanted })
      : graph.add('CLIPTextEncode', { text: negative, clip });
  const [positive, negated] = graph.add('LTXVConditioning', { positive: wanted, negative: unwanted, frame_rate: fps });
  return { positive, negative: negated };
}
