// Draws a QR code with text, two rows of modules to a line.
import QRCode from "qrcode-svg";

/** Modules of silence around the code that the standard asks for. */
const quietZone = 4;

/**
 * @param {string} content
 * @param {{ colour: boolean }} options colour: black on white whatever the terminal's own colours are
 * @returns {string} lines, each ended
 */
export function drawQrCode(content, { colour }) {
  const { modules } = new QRCode({ content, ecl: "M" }).qrcode;
  const side = modules.length + 2 * quietZone;
  const isDark = (/** @type {number} */ row, /** @type {number} */ column) =>
    modules[row - quietZone]?.[column - quietZone] === true;
  let lines = "";
  for (let row = 0; row < side; row += 2) {
    let line = "";
    for (let column = 0; column < side; column += 1) {
      line += [" ", "▄", "▀", "█"][Number(isDark(row, column)) * 2 + Number(isDark(row + 1, column))];
    }
    lines += colour ? `\u001B[30;107m${line}\u001B[0m\n` : `${line}\n`;
  }
  return lines;
}
