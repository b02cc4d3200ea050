/**
 * The smallest PNG that a code needs: one bit a pixel, black on white (PNG, third edition: colour type 0, bit depth 1). Rows of a code repeat,
 * so all but the first of a band are written as "the same as above" (filter type 2), and the whole comes to a few hundred bytes.
 */
const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** So many equal rows of pixels. */
export type Band = { readonly height: number; readonly isDark: (x: number) => boolean };
/** `side` in pixels; the bands' heights add up to it. */
export type Picture = { readonly side: number; readonly bands: readonly Band[] };

export async function encodePng({ side, bands }: Picture): Promise<Uint8Array<ArrayBuffer>> {
  const stride = 1 + Math.ceil(side / 8);
  const rows = new Uint8Array(stride * side);
  let y = 0;
  for (const { height, isDark } of bands) {
    if (height > 0) rows.set(packRow(side, isDark), y * stride + 1);
    // Filter 2 stores the difference to the row above, and an untouched row says that there is none.
    for (let same = 1; same < height; same += 1) rows[(y + same) * stride] = 2;
    y += height;
  }
  const header = new Uint8Array(13);
  const fields = new DataView(header.buffer);
  fields.setUint32(0, side);
  fields.setUint32(4, side);
  // Bit depth 1, greyscale; deflate, adaptive filters, not interlaced.
  fields.setUint8(8, 1);
  return concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", await deflate(rows)),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

/** Eight pixels a byte, the leftmost highest; white is 1. */
function packRow(side: number, isDark: (x: number) => boolean): Uint8Array {
  const row = new Uint8Array(Math.ceil(side / 8));
  for (let x = 0; x < side; x += 1) if (!isDark(x)) row[x >> 3] = (row[x >> 3] ?? 0) | (0x80 >> (x & 7));
  return row;
}

/** The "deflate" of CompressionStream is the zlib format, which is what PNG wants. */
async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const compressed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(compressed).arrayBuffer());
}

/** Length, type, data, and a CRC over type and data. */
function chunk(type: "IHDR" | "IDAT" | "IEND", data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 12);
  const fields = new DataView(bytes.buffer);
  fields.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  fields.setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)));
  return bytes;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

const crc32 = (bytes: Uint8Array): number =>
  (bytes.reduce((crc, byte) => (crcTable[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0;

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
