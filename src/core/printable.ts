/**
 * What steers a terminal or turns the order of letters: C0 and C1 controls, line and paragraph separators, marks of direction.
 * Names of files come from other people's disks and may hold any of it.
 */
const steering =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be printed
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** The same without C0, which JSON never holds as it is. */
const steeringInJson = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** For people: a question mark in the place of each. */
export function plain(text: string): string {
  return text.replace(steering, '?');
}

/** The same for a text of several lines: those that begin with two spaces go on in a new line. */
export function plainLines(text: string): string {
  return text
    .split(/\n(?= {2})/)
    .map(plain)
    .join('\n');
}

/** For logs, where the name must be found again: each as `\u001b`. */
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
