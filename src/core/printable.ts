/**
 * Characters that steer a terminal or change the order of letters: C0 and C1 controls, line and paragraph separators, marks of
 * direction. Names of files come from other people's disks and may hold any of them.
 */
const steering =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be printed
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** The same without C0, which JSON never holds as it is. */
const steeringInJson = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** A text for people: a question mark replaces each of these characters. */
export function plain(text: string): string {
  return text.replace(steering, '?');
}

/** The same for a text of several lines: lines that begin with two spaces stay lines. */
export function plainLines(text: string): string {
  return text
    .split(/\n(?= {2})/)
    .map(plain)
    .join('\n');
}

/** A text for logs, where the name must be found again: `\u001b` and the like replace these characters. */
export function escaped(text: string): string {
  return text.replace(steering, escapeOf);
}

/** JSON that means the same, with nothing in it that steers a terminal. */
export function escapedJson(json: string): string {
  return json.replace(steeringInJson, escapeOf);
}

function escapeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
