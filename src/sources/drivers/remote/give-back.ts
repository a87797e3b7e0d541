/**
 * Gives the memory of a piece of an answer back, once the piece has been copied. Otherwise it stays until the next collection of garbage, and
 * V8 collects all of its heap whenever some tens of MiB of such memory have gathered. Only memory that the piece fills: nothing else
 * lies in it, as it does where Node shares one allocation among small buffers.
 */
export function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
