/**
 * Frees the memory of a piece of an answer after the piece was copied. Otherwise it stays until the next garbage collection, and V8
 * collects all of its heap whenever some tens of MiB of such memory have gathered. Frees only memory that the piece fills, not an
 * allocation that Node shares among small buffers.
 */
export function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
