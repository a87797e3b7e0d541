import { styleText } from 'node:util';

/** An output stream, which may be a terminal. */
export interface Screen extends NodeJS.WritableStream {
  isTTY?: boolean;
  columns?: number;
  rows?: number;
}

type Format = Parameters<typeof styleText>[0];

/** Width and colours of a page. */
export interface Look {
  /** Columns; null = no limit, for a file or a program. */
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
