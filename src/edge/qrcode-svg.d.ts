/** qrcode-svg 1.1.0 comes without types. Only what we use of it: the matrix. */
declare module "qrcode-svg" {
  type Options = { readonly content: string; readonly ecl: "L" | "M" | "Q" | "H" };
  export default class QRCode {
    constructor(options: Options);
    /** Row by row, from the top; true is dark. */
    readonly qrcode: { readonly modules: readonly (readonly boolean[])[] };
  }
}
