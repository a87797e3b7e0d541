import { styleText } from 'node:util';

/** An output stream, which may be a terminal. */
export interface Screen extends NodeJS.WritableStream {
  isTTY?: boolean;
  columns?: number;
  rows?: number;
}

type Format = Parameters<typeof styleText>[0];

/** How a page may look: how wide, and with which colours. */
export interface Look {
  /** Columns; null when it goes to a file or a program, where nothing is shortened. */
  width: number | null;
  /** Colours the text on a terminal that has colours, unless NO_COLOR is set. */
  paint(format: Format, text: string): string;
}

const narrowest = 80;

export function lookOf(screen: Screen): Look {
  return {
    width: screen.isTTY ? Math.max(narrowest, screen.columns ?? narrowest) : null,
    paint: (format, text) => styleText(format, text, { stream: screen }),
  };
}
