import { formatBytes } from '../../core/format.ts';
import type { ReadSpeeds } from '../../sources/driver.ts';

/** `4 KiB reads 8.3 ms (482 KiB/s), 1 MiB reads 151 MiB/s`. */
export function speedText({ smallReadMs, bytesPerSecond, direct }: ReadSpeeds): string {
  const ms = smallReadMs < 1 ? smallReadMs.toFixed(2) : smallReadMs.toFixed(1);
  const small = `4 KiB reads ${ms} ms (${formatBytes(4096 / (smallReadMs / 1000))}/s)`;
  const through = direct ? '' : ', perhaps partly from memory';
  return `${small}, 1 MiB reads ${formatBytes(bytesPerSecond)}/s${through}`;
}
