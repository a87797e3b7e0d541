import type { Look } from './look.ts';

/** A usage bar: used, reserved, free. Shares of one; any share above zero shows at least one cell. */
export function usageBar(shares: { used: number; reserved: number }, width: number, look: Look): string {
  const used = cells(shares.used, width);
  const reserved = Math.min(cells(shares.reserved, width), width - used);
  const colour = shares.used + shares.reserved > 0.95 ? 'yellow' : 'green';
  const filled = look.paint(colour, '█'.repeat(used)) + look.paint('yellow', '▒'.repeat(reserved));
  return filled + look.paint('dim', '░'.repeat(width - used - reserved));
}

/** `█████░░░░░`, without colours, so that it can be cut. */
export function progressBar(share: number, width: number): string {
  const done = Math.min(width, Math.floor(Math.max(0, share) * width));
  return '█'.repeat(done) + '░'.repeat(width - done);
}

function cells(share: number, width: number): number {
  if (!(share > 0)) return 0;
  return Math.min(width, Math.max(1, Math.round(share * width)));
}
