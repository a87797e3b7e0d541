import { stripVTControlCharacters } from 'node:util';

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const segments = new Intl.Segmenter();
/** One column a character: most names, and the segmenter takes a hundred times as long for them. */
const simple = /^[ -~]*$/;

/** Columns that a text takes on a terminal: 2 for each East Asian wide character, 0 for colours. */
export function widthOf(text: string): number {
  if (simple.test(text)) return text.length;
  return charactersOf(stripVTControlCharacters(text)).reduce((sum, character) => sum + widthOfOne(character), 0);
}

/** At most `width` columns: the middle gives way, because the names of models differ at both ends. */
export function shorten(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  const characters = charactersOf(text);
  const tail = take(characters.toReversed(), Math.ceil((width - 1) * 0.6)).reverse();
  const head = take(characters, width - 1 - widthOf(tail.join('')));
  return `${head.join('')}…${tail.join('')}`;
}

/** The same for names below each other: no two of them look alike. Those that would are not shortened, and are wrapped instead. */
export function shortenAll(texts: readonly string[], width: number): string[] {
  const short = texts.map((text) => shorten(text, width));
  const meant = new Map<string, Set<string>>();
  for (const [index, text] of texts.entries()) {
    const shown = short[index] ?? '';
    meant.set(shown, (meant.get(shown) ?? new Set()).add(text));
  }
  return texts.map((text, index) => {
    const shown = short[index] ?? '';
    return (meant.get(shown)?.size ?? 0) > 1 ? pieces(text, width).join('\n') : shown;
  });
}

/** The text in lines of at most `width` columns, broken between words if possible. @param whole for paths to be copied: words stay whole */
export function wrap(text: string, width: number, { whole = false } = {}): string {
  const lines = [''];
  for (const word of text.split(' ').flatMap((long) => (whole ? [long] : pieces(long, width)))) {
    const line = lines.at(-1) ?? '';
    const longer = line === '' ? word : `${line} ${word}`;
    if (line === '' || widthOf(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.join('\n');
}

/** A text cut into lines of at most `width` columns. */
function pieces(text: string, width: number): string[] {
  const lines: string[] = [];
  for (let rest = charactersOf(text); rest.length > 0; ) {
    const line = take(rest, width);
    lines.push(line.join(''));
    rest = rest.slice(Math.max(1, line.length));
  }
  return lines.length > 0 ? lines : [''];
}

function take(characters: string[], width: number): string[] {
  let left = width;
  const end = characters.findIndex((character) => {
    left -= widthOfOne(character);
    return left < 0;
  });
  return end < 0 ? characters : characters.slice(0, end);
}

function charactersOf(text: string): string[] {
  if (simple.test(text)) return text.split('');
  return [...segments.segment(text)].map(({ segment }) => segment);
}

function widthOfOne(character: string): number {
  return wide.test(character) ? 2 : 1;
}
