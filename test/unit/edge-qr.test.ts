/** The image of a code, read back as a phone's camera would. */
import { inflateSync } from "node:zlib";
import jsQR from "jsqr";
import { describe, expect, it } from "vitest";
import { limits } from "../../src/core/limits.ts";
import { drawPng, drawSvg, qrErrorCorrections, qrImage } from "../../src/edge/qr.ts";

const url = "https://pay.example/c/0123456789ABCDEFGHJKMNPQ";
const drawing = { url, size: 512, margin: 4, errorCorrection: "M" } as const;

type Pixels = { readonly side: number; readonly dark: (x: number, y: number) => boolean };

function decode({ side, dark }: Pixels): string | undefined {
  const data = new Uint8ClampedArray(side * side * 4);
  for (let y = 0; y < side; y += 1)
    for (let x = 0; x < side; x += 1) data.set(dark(x, y) ? [0, 0, 0, 255] : [255, 255, 255, 255], (y * side + x) * 4);
  const read = (jsQR as unknown as { default?: typeof jsQR }).default ?? jsQR;
  return read(data, side, side)?.data;
}

/** Draws the path by hand: `M`, `m` and `h`, each run one module high. */
function rasterise(svg: string, scale = 4): Pixels & { modules: Set<string> } {
  const side = Number(/viewBox="0 0 (\d+) \1"/.exec(svg)?.[1]);
  const path = /stroke="#000" d="([^"]+)"/.exec(svg)?.[1] ?? "";
  const modules = new Set<string>();
  let [x, y] = [0, 0];
  for (const [, command, first, second] of path.matchAll(/([Mmh])(-?[\d.]+)(?: (-?[\d.]+))?/g)) {
    if (command === "M") [x, y] = [Number(first), Number(second)];
    else if (command === "m") [x, y] = [x + Number(first), y + Number(second)];
    else for (const end = x + Number(first); x < end; x += 1) modules.add(`${x} ${Math.floor(y)}`);
  }
  return {
    side: side * scale,
    modules,
    dark: (px, py) => modules.has(`${Math.floor(px / scale)} ${Math.floor(py / scale)}`),
  };
}

/** Reads a PNG with Node's own zlib, undoing the filters. */
function readPng(png: Uint8Array): Pixels {
  const view = new DataView(png.buffer, png.byteOffset);
  const side = view.getUint32(16);
  const length = view.getUint32(33);
  const rows = inflateSync(png.subarray(41, 41 + length));
  const stride = 1 + Math.ceil(side / 8);
  for (let y = 0; y < side; y += 1)
    if (rows[y * stride] === 2)
      for (let i = 1; i < stride; i += 1)
        rows[y * stride + i] = (rows[y * stride + i]! + rows[(y - 1) * stride + i]!) & 255;
  return { side, dark: (x, y) => ((rows[y * stride + 1 + (x >> 3)]! >> (7 - (x & 7))) & 1) === 0 };
}

describe("a QR image", () => {
  it.each(qrErrorCorrections)("at level %s is read back from SVG and from PNG", async (errorCorrection) => {
    expect(decode(rasterise(drawSvg({ ...drawing, errorCorrection })))).toBe(url);
    expect(decode(readPng(await drawPng({ ...drawing, errorCorrection })))).toBe(url);
  });

  it("is not a mirror image", () => {
    const { modules, side } = rasterise(drawSvg({ ...drawing, margin: 0 }), 1);
    // The one module that every code has dark (ISO/IEC 18004, 7.9.1) stands beside the lower left finder, not the upper right.
    expect(modules.has(`8 ${side - 8}`)).toBe(true);
  });

  it("is small, whatever is asked", async () => {
    const long = `https://${"a".repeat(34)}.example/c/0123456789ABCDEFGHJKMNPQ`;
    expect(drawSvg(drawing).length).toBeLessThan(2_300);
    expect(drawSvg({ ...drawing, url: long, errorCorrection: "H" }).length).toBeLessThan(4_096);
    expect((await drawPng(drawing)).length).toBeLessThan(800);
    expect((await drawPng({ ...drawing, size: limits.qrSizePx.max })).length).toBeLessThan(6_000);
  });

  it.each([64, 65, 100, 333, 512, 2_048])(
    "of %d pixels has that side, and a whole module is a whole pixel",
    async (size) => {
      const png = readPng(await drawPng({ ...drawing, size }));
      expect(png.side).toBe(size);
      expect(decode(png)).toBe(url);
    },
  );

  it("grows rather than break when its modules do not fit", async () => {
    const png = readPng(await drawPng({ ...drawing, size: 64, margin: 16, errorCorrection: "H" }));
    expect(png.side).toBeGreaterThan(64);
  });

  it("may be drawn without a margin", async () => {
    const modules = rasterise(drawSvg({ ...drawing, margin: 0 }), 1).side;
    const png = readPng(await drawPng({ ...drawing, margin: 0, size: modules * 8 }));
    expect([png.dark(0, 0), png.dark(modules * 8 - 1, 0), png.dark(0, modules * 8 - 1)]).toEqual([true, true, true]);
  });

  it("comes as a data URI for the graph", async () => {
    const svg = await qrImage({ ...drawing, format: "SVG" });
    expect(decode(rasterise(decodeURIComponent(svg.dataUri.replace("data:image/svg+xml,", ""))))).toBe(url);
    const png = await qrImage({ ...drawing, format: "PNG" });
    expect(decode(readPng(Buffer.from(png.dataUri.replace("data:image/png;base64,", ""), "base64")))).toBe(url);
  });
});
