import { slashed } from './find-places.ts';
import type { InputTexts } from './input-texts.ts';
import type { Literals } from './literals.ts';
import type { Choices, GraphNode } from './types.ts';

/** Inputs with texts of users: prompts, notes, names of saved files. They choose no model, and are not kept. */
const writing = /(^|_)(prompt|text|caption|positive|negative|prefix|save|output|comment|note|label|title|description)($|_)/i;
const media = /\.(png|jpe?g|webp|gif|bmp|tiff?|mp4|webm|mov|mkv|avi|wav|mp3|flac|ogg|glb|obj)$/i;
const longest = 120;
/** Maximum number of examined choices of one node. */
const mostChoices = 100;
/** Maximum number that may select a model; larger ones are seeds and sizes of images. */
const mostSelector = 100;

/** @param texts those of the node's inputs */
export function choicesOf(node: GraphNode, { texts }: InputTexts, literals: Literals): Choices {
  const chosen = texts.filter(({ input, text, off }) => off === null && isChosen(input, text)).slice(0, mostChoices);
  const numbers = [...node.inputs].flatMap(([input, value]) => {
    const literal = literals.of(value);
    return isSelector(literal) ? [{ input, value: String(literal) }] : [];
  });
  return {
    classType: node.classType,
    texts: chosen.map(({ input, text }) => ({ at: input, input: input.replace(/\d+/g, '#'), value: slashed(text) })),
    numbers: numbers.slice(0, mostChoices),
  };
}

function isSelector(value: unknown): boolean {
  return typeof value === 'boolean' || (Number.isInteger(value) && Math.abs(Number(value)) <= mostSelector);
}

function isChosen(input: string, text: string): boolean {
  const last = input.slice(input.lastIndexOf('.') + 1);
  return (
    text.trim() !== '' &&
    Math.max(text.length, input.length) <= longest &&
    !/[\n\r<>]/.test(text) &&
    !writing.test(last) &&
    !media.test(text)
  );
}
