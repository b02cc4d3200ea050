// The part of qrcode-svg that is used here; it brings no types of its own.
declare module "qrcode-svg" {
  export default class QRCode {
    constructor(options: { content: string; ecl: "L" | "M" | "Q" | "H" });
    /** `modules[row][column]` is true where the module is dark. */
    readonly qrcode: { readonly modules: readonly (readonly boolean[])[] };
  }
}
