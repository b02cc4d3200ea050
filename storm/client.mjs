// Whoever uses the product, with the patience that its promises ask for: what was not answered is asked again, under the same key.
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {Headers} headers
 * @property {string} text
 *
 * @typedef {object} Client
 * @property {string} url
 * @property {(path: string, init?: RequestInit) => Promise<Answer>} ask until it is answered, whatever becomes of the product meanwhile
 * @property {(bearer: string, query: string, variables?: Record<string, unknown>) => Promise<any>} graph the data
 */

/** One try, and all of them: a killed product is back in seconds. */
const tryMs = 20_000;
const patienceMs = 120_000;
const pauseMs = { min: 100, max: 500 };

/** @param {string} url @returns {Client} */
export function openClient(url) {
  const ask = async (/** @type {string} */ path, /** @type {RequestInit} */ init = {}) => {
    const until = Date.now() + patienceMs;
    for (let tries = 1; ; tries += 1) {
      const answer = await once(new URL(path, url), init);
      if (answer && answer.status < 500) return answer;
      if (Date.now() > until)
        throw new Error(
          `${init.method ?? "GET"} ${path} was not answered in ${tries} tries: ${answer?.status} ${answer?.text.slice(0, 300)}`,
        );
      await sleep(pauseMs.min + Math.random() * (pauseMs.max - pauseMs.min));
    }
  };
  const graph = async (/** @type {string} */ bearer, /** @type {string} */ query, variables = {}) => {
    const until = Date.now() + patienceMs;
    for (;;) {
      const { text } = await ask("/graphql", {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${bearer}` },
        body: JSON.stringify({ query, variables }),
      });
      const { data, errors } = JSON.parse(text);
      if (data && !errors) return data;
      // A fault beside data is one that may pass; a refused question will be refused again.
      if (
        errors.some((/** @type {any} */ { extensions }) => extensions?.code !== "INTERNAL_SERVER_ERROR") ||
        Date.now() > until
      )
        throw new Error(
          `The graph answered ${text.slice(0, 500)} to ${query.slice(0, 100)} ${JSON.stringify(variables)}`,
        );
      await sleep(pauseMs.max);
    }
  };
  return { url, ask, graph };
}

/** Null when nobody answered. @param {URL} url @param {RequestInit} init @returns {Promise<Answer | null>} */
async function once(url, init) {
  try {
    const { status, headers, ...response } = await fetch(url, {
      redirect: "manual",
      ...init,
      signal: AbortSignal.timeout(tryMs),
    }).then(async (got) => ({ status: got.status, headers: got.headers, text: await got.text() }));
    return { status, headers, ...response };
  } catch {
    return null;
  }
}
