/**
 * The QR image of a URL. The library gives the matrix, here it is drawn: its own pictures are ten times larger. Everything about how a code
 * looks is in this file, so the library can be exchanged behind one function.
 */
import QRCode from "qrcode-svg";
import { limits } from "../core/limits.ts";
import { encodePng, type Band } from "./png.ts";

export const qrFormats = ["SVG", "PNG"] as const;
export const qrErrorCorrections = ["L", "M", "Q", "H"] as const;
export type QrDrawing = {
  readonly url: string;
  readonly format: (typeof qrFormats)[number];
  /** Pixels of a side. A PNG is larger where that would be less than one pixel a module. */
  readonly size: number;
  /** Quiet modules around the code; the standard (ISO/IEC 18004) asks for four. */
  readonly margin: number;
  readonly errorCorrection: (typeof qrErrorCorrections)[number];
};
export const qrDefaults = { size: limits.qrSizePx.default, margin: 4, errorCorrection: "M" } as const;

/** Whether numbers from outside may be drawn: whole, and within the limits. */
export const isDrawable = ({ size, margin }: Pick<QrDrawing, "size" | "margin">): boolean =>
  Number.isInteger(size) &&
  size >= limits.qrSizePx.min &&
  size <= limits.qrSizePx.max &&
  Number.isInteger(margin) &&
  margin >= 0 &&
  margin <= limits.qrMarginModulesMax;

/** Row by row, true is dark. The same URL always gives the same matrix. */
type Matrix = readonly (readonly boolean[])[];
const matrixOf = ({ url, errorCorrection }: Pick<QrDrawing, "url" | "errorCorrection">): Matrix =>
  new QRCode({ content: url, ecl: errorCorrection }).qrcode.modules;

/** One stroked path of horizontal runs, each begun relative to the one before: about 2 KB, and sharp at any size. */
export function drawSvg(drawing: Omit<QrDrawing, "format">): string {
  const { size, margin } = drawing;
  const matrix = matrixOf(drawing);
  const side = matrix.length + 2 * margin;
  let path = "";
  let [penX, penY] = [0, 0];
  for (const [y, row] of matrix.entries()) {
    for (let x = 0; x < row.length; x += 1) {
      if (!row[x]) continue;
      const end = row.indexOf(false, x);
      const length = (end === -1 ? row.length : end) - x;
      path += path === "" ? `M${x + margin} ${y + margin}.5h${length}` : `m${x - penX} ${y - penY}h${length}`;
      [penX, penY] = [x + length, y];
      x += length;
    }
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}" viewBox="0 0 ${side} ${side}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h${side}v${side}H0z"/><path stroke="#000" d="${path}"/></svg>`;
}

/** Modules are whole pixels, so that no edge blurs; what is left over widens the quiet zone. */
export async function drawPng(drawing: Omit<QrDrawing, "format">): Promise<Uint8Array<ArrayBuffer>> {
  const matrix = matrixOf(drawing);
  const modules = matrix.length + 2 * drawing.margin;
  const side = Math.max(drawing.size, modules);
  const scale = Math.floor(side / modules);
  const before = Math.floor((side - matrix.length * scale) / 2);
  const quiet = (height: number): Band => ({ height, isDark: () => false });
  const bands = matrix.map((row): Band => ({
    height: scale,
    isDark: (x) => row[Math.floor((x - before) / scale)] === true,
  }));
  const after = side - before - matrix.length * scale;
  return encodePng({ side, bands: [quiet(before), ...bands, quiet(after)] });
}

/** For whoever cannot ask for an image by URL: the same image inside a `data:` URI. */
export async function qrImage(drawing: QrDrawing): Promise<{ readonly dataUri: string }> {
  return drawing.format === "SVG"
    ? { dataUri: `data:image/svg+xml,${encodeURIComponent(drawSvg(drawing))}` }
    : { dataUri: `data:image/png;base64,${Buffer.from(await drawPng(drawing)).toString("base64")}` };
}
