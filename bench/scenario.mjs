// What one virtual user does again and again.

/**
 * @typedef {object} Scenario
 * @property {number} touch how many units reach every object that the scenario works on, to wake them before a slice
 * @property {(connection: import("./connection.mjs").Connection, index: number) => Promise<unknown>} unit one thing done; its latency is what is measured
 * @property {(connection: import("./connection.mjs").Connection) => Promise<number>} [counted] how many units have their last effect in
 *   the server; where given, a slice lasts until all of them have
 */

/**
 * @param {import("./connection.mjs").Answer} answer
 * @param {number} expected
 * @param {string} [part] that the body must hold
 */
export function expectStatus({ status, head, body }, expected, part = "") {
  if (status === expected && body.includes(part)) return;
  throw new Error(`Expected ${expected} ${part}, got:\n${head}\n\n${body.slice(0, 1000)}`);
}
