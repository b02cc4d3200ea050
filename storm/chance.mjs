// Chance that can be repeated: every draw is a function of the seed and of what it is drawn for, never of what was drawn before.
import { createHash } from "node:crypto";

/**
 * @typedef {object} Chance
 * @property {(question: string, percent: number) => boolean} happens
 * @property {(question: string, min: number, max: number) => number} between both included
 * @property {<T>(question: string, choices: readonly (readonly [weight: number, T])[]) => T} among
 * @property {(...names: (string | number)[]) => Chance} of the chance of something in particular
 */

/** @param {(string | number)[]} names the seed, then what it is about @returns {Chance} */
export function chance(...names) {
  /** From 0 up to 1. @param {string} question */
  const draw = (question) =>
    createHash("sha256")
      .update(JSON.stringify([...names, question]))
      .digest()
      .readUInt32BE(0) /
    2 ** 32;
  return {
    happens: (question, percent) => draw(question) * 100 < percent,
    between: (question, min, max) => Math.floor(min + draw(question) * (max - min + 1)),
    among(question, choices) {
      const all = choices.reduce((sum, [weight]) => sum + weight, 0);
      let left = draw(question) * all;
      const found = choices.find(([weight]) => (left -= weight) < 0) ?? choices.at(-1);
      if (!found) throw new Error("nothing to choose from");
      return found[1];
    },
    of: (...more) => chance(...names, ...more),
  };
}
