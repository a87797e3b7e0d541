import { join } from 'node:path';
import { writePrivately } from '../runtime/private-file.ts';
import { readSmallFileSync } from '../runtime/small-file.ts';

/**
 * A program that restores compressed files without autocached: `python3 restore.py model.safetensors.zst model.safetensors`. Needs
 * Python 3.8 and the `zstd` command.
 */
export const restoreScript = `\
"""Restores a model file that autocached has compressed: python3 restore.py COMPRESSED RESTORED. Needs the zstd command."""
import hashlib, json, subprocess, sys, zlib
from struct import unpack

with open(sys.argv[1], "rb") as file:
    file.seek(-9, 2)
    lines = unpack("<IBI", file.read(9))[0]
    table = file.seek(-(17 + 8 * lines), 2)
    file.seek(-17, 2)
    size = unpack("<I", file.read(4))[0]  # of the last line: the metadata
    file.seek(table - size + 12)
    metadata = json.loads(file.read(size - 12))
assert metadata["version"] == 1 and not metadata["requires"], "written by a later version of autocached"

def either(one, other):
    number = int.from_bytes(one, "little") | int.from_bytes(other, "little")
    return number.to_bytes(len(one), "little")

def each(function, string):
    return string.translate(bytes(function(byte) % 256 for byte in range(256)))

content = subprocess.Popen(["zstd", "-dc", sys.argv[1]], stdout=subprocess.PIPE)
whole = hashlib.sha256()
with open(sys.argv[2], "wb") as restored:
    for chunk in metadata["chunks"]:
        width = {"plain": 1, "nibbles": 2, "planes2": 2, "planes2r": 2, "planes4r": 4}[chunk["as"]]
        count = chunk["size"] // width
        pairs = chunk.get("pairs")
        planes = [content.stdout.read(count) for _ in range(width - 1 if pairs else width)]
        if pairs:
            packed, escapes, top = content.stdout.read(count // 2), pairs["escapes"], bytearray(count)
            top[0::2] = each(lambda byte: pairs["base"] + byte % 16, packed)
            top[1::2] = each(lambda byte: pairs["base"] + byte // 16, packed)
            places, values = unpack("<%dI" % escapes, content.stdout.read(4 * escapes)), content.stdout.read(escapes)
            for place, value in zip(places, values):
                top[place] = value
            planes.append(bytes(top))
        if chunk["as"].endswith("r"):  # rotate back: each byte takes the lowest bit of the next higher one
            low, high = int.from_bytes(b"\\x7f" * count, "little"), int.from_bytes(b"\\x80" * count, "little")
            numbers = [int.from_bytes(plane, "little") for plane in planes]
            numbers = [number >> 1 & low | numbers[(k + 1) % width] << 7 & high for k, number in enumerate(numbers)]
            planes = [number.to_bytes(count, "little") for number in numbers]
        if chunk["as"] == "nibbles":  # back to the two elements that share two bytes
            numbers, exponents = planes
            numbers = [each(lambda byte: byte >> k & 7 | (byte >> k & 8) << 4, numbers) for k in (0, 4)]
            exponents = [each(lambda byte: (byte >> k & 15) << 3, exponents) for k in (0, 4)]
            planes = list(map(either, numbers, exponents))
        raw = bytearray(chunk["size"])
        for k, plane in enumerate(planes):
            raw[k::width] = plane
        assert zlib.crc32(raw) == chunk["crc32"], "damaged"
        whole.update(raw)
        restored.write(raw)
assert whole.hexdigest() == metadata["sha256"] and content.wait() == 0, "damaged"
`;

/** Places this version's script in the directory of the compressed tier. Throws as `node:fs` does. */
export function placeRestoreScript(dir: string): void {
  const path = join(dir, 'restore.py');
  if (isThere(path)) return;
  writePrivately(path, restoreScript);
}

function isThere(path: string): boolean {
  try {
    return readSmallFileSync(path, restoreScript.length * 4).toString('utf8') === restoreScript;
  } catch {
    return false;
  }
}
