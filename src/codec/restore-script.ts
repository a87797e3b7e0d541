import { join } from 'node:path';
import { writePrivately } from '../runtime/private-file.ts';
import { readSmallFileSync } from '../runtime/small-file.ts';

/**
 * A program that restores compressed files without autocached: `python3 restore.py model.safetensors.zst model.safetensors`. Needs
 * Python 3.8 and the `zstd` command.
 */
export const restoreScript = `\
"""Restores a model file that autocached has compressed: python3 restore.py COMPRESSED RESTORED. Needs the zstd command.

A file that stands on others needs those too, at their places in this folder. Differences take about a second for each MiB."""
import hashlib, json, os, subprocess, sys, tempfile, zlib
from struct import pack, unpack

# Of a type of numbers: bytes, their letter for struct, where the exponent begins, and its bits.
types = {"F16": (2, "H", 10, 31), "BF16": (2, "H", 7, 255), "F32": (4, "I", 23, 255)}

def read_metadata(path):
    with open(path, "rb") as file:
        file.seek(-9, 2)
        lines = unpack("<IBI", file.read(9))[0]
        table = file.seek(-(17 + 8 * lines), 2)
        file.seek(-17, 2)
        size = unpack("<I", file.read(4))[0]  # of the last line: the metadata
        file.seek(table - size + 12)
        metadata = json.loads(file.read(size - 12))
    known = metadata["version"] == 1 and set(metadata["requires"]) <= {"base", "numbers"}
    assert known, "written by a later version of autocached"
    return metadata

def either(one, other):
    number = int.from_bytes(one, "little") | int.from_bytes(other, "little")
    return number.to_bytes(len(one), "little")

def each(function, string):
    return string.translate(bytes(function(byte) % 256 for byte in range(256)))

def find_base(base, path):
    above = os.path.dirname(os.path.abspath(path))
    while not os.path.exists(os.path.join(above, base["file"])):
        assert above != os.path.dirname(above), base["file"] + " is missing"
        above = os.path.dirname(above)
    return os.path.join(above, base["file"])

def open_base(base, path):
    """The chunks that a base stores itself: where each begins in a temporary file."""
    path = find_base(base, path)
    metadata = read_metadata(path)
    assert metadata["sha256"] == base["sha256"], base["file"] + " holds another file"
    content, restored, begins = stream(path), tempfile.TemporaryFile(), []
    for chunk in metadata["chunks"]:
        begins.append(restored.tell())
        if "from" not in chunk:
            restored.write(read_chunk(chunk, content, None))
        elif chunk["as"] != "same":
            content.stdout.read(chunk["size"])
    return restored, begins

def stream(path):
    return subprocess.Popen(["zstd", "-dc", path], stdout=subprocess.PIPE)

def order(number, sign):
    return 2 * sign - 1 - number if number & sign else number | sign

def widen(number, type):
    if type == "BF16":
        return number << 16
    sign, exponent, mantissa = (number & 0x8000) << 16, number >> 10 & 31, number & 1023
    if exponent == 0:
        return sign | unpack("<I", pack("<f", mantissa * 2.0 ** -24))[0]
    return sign | (255 if exponent == 31 else exponent + 112) << 23 | mantissa << 13

def halve(number, shift):
    """Rounds to a multiple of a power of two, halves to even."""
    return number + (1 << shift >> 1) - 1 + (number >> shift & 1) >> shift

def narrow(number, type):
    sign, size = number >> 16 & 0x8000, number & 0x7FFFFFFF
    if type == "BF16":
        return number >> 16 | 0x40 if size > 0x7F800000 else halve(number, 16)
    if size >= 0x477FF000:
        return sign | (0x7E00 if size > 0x7F800000 else 0x7C00)
    if size >= 0x38800000:
        return sign | halve(size - 0x38000000, 13)
    exponent = size >> 23
    return sign if exponent < 102 else sign | halve(size & 0x7FFFFF | 0x800000, 126 - exponent)

def convert(numbers, type, to):
    if type != to and type != "F32":
        numbers = [widen(number, type) for number in numbers]
    return [narrow(number, to) for number in numbers] if type != to and to != "F32" else numbers

def add_difference(planes, numbers, type):
    width, letter, shift, mask = types[type]
    sign, result = 1 << 8 * width - 1, bytearray(width * len(numbers))
    for place, k in enumerate(sorted(range(len(numbers)), key=lambda k: -(numbers[k] >> shift & mask))):
        coded = int.from_bytes(bytes(plane[place] for plane in planes), "little")
        number = order(numbers[k], sign) + (coded >> 1 ^ -(coded & 1)) & 2 * sign - 1
        number = number & sign - 1 if number & sign else 2 * sign - 1 - number
        result[width * k : width * k + width] = number.to_bytes(width, "little")
    return result

def read_chunk(chunk, content, bases):
    if "from" in chunk:
        origin = chunk["from"]
        file, begins = bases[origin["base"]]
        file.seek(begins[origin["chunk"]] + origin.get("skip", 0))
        raw = read_difference(chunk, content, file) if chunk["as"] != "same" else file.read(chunk["size"])
    else:
        raw = read_planes(chunk, content)
    assert zlib.crc32(raw) == chunk["crc32"], "damaged"
    return raw

def read_difference(chunk, content, file):
    own = {"delta2": "F16", "delta2r": "BF16", "delta4": "F32"}[chunk["as"]]
    type = chunk["from"].get("type", own)
    count = chunk["size"] // types[own][0]
    numbers = unpack("<%d%s" % (count, types[type][1]), file.read(count * types[type][0]))
    planes = [content.stdout.read(count) for _ in range(types[own][0])]
    return add_difference(planes, convert(numbers, type, own), own)

def read_planes(chunk, content):
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
    return raw

if len(sys.argv) != 3:
    sys.exit(__doc__)
metadata = read_metadata(sys.argv[1])
bases = [open_base(base, sys.argv[1]) for base in metadata.get("bases", [])]
content, whole = stream(sys.argv[1]), hashlib.sha256()
with open(sys.argv[2], "wb") as restored:
    for chunk in metadata["chunks"]:
        raw = read_chunk(chunk, content, bases)
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
