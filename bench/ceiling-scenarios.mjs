// The same cases against the ceilings. Each asks for the unavoidable part of what the product's scenario of the same name asks for.
import { request } from "./connection.mjs";
import { readDocument } from "./product-scenarios.mjs";
import { expectStatus } from "./scenario.mjs";

/**
 * @typedef {import("./connection.mjs").Connection} Connection
 * @typedef {import("./scenario.mjs").Scenario} Scenario
 * @typedef {{ url: string, names: string[] }} Ceilings names: of objects that have their row
 */

const target = "https://shop.example/checkout/1234567890";

/** @type {Record<string, (ceilings: Ceilings) => Scenario>} */
export const ceilingScenarios = {
  picture: (ceilings) => always(request("GET", "/picture.svg", headersOf(ceilings)), 200),
  redirect: (ceilings) => redirecting(ceilings),
  page: (ceilings) => redirecting(ceilings),
  read: (ceilings) =>
    always(
      request(
        "POST",
        "/graphql",
        { ...headersOf(ceilings), "content-type": "application/json" },
        JSON.stringify({ query: readDocument, variables: { id: "any" } }),
      ),
      200,
      `"state":"PAID"`,
    ),
  place: (ceilings) => ({ touch: 8, unit: creating(ceilings) }),
  sale: (ceilings) => {
    const create = creating(ceilings);
    return {
      touch: 8,
      async unit(connection) {
        const path = `/c/${await create(connection)}`;
        expectStatus(await connection.ask(request("GET", path, headersOf(ceilings))), 302);
        expectStatus(await connection.ask(request("POST", path, headersOf(ceilings), target)), 204);
        expectStatus(await connection.ask(request("POST", path, headersOf(ceilings), target)), 204);
      },
    };
  },
};

/** @param {Ceilings} ceilings */
const headersOf = ({ url }) => ({ host: new URL(url).host });

/** @param {Buffer} asked @param {number} status @param {string} [part] @returns {Scenario} */
function always(asked, status, part) {
  return {
    touch: 8,
    async unit(connection) {
      expectStatus(await connection.ask(asked), status, part);
    },
  };
}

/** @param {Ceilings} ceilings @returns {Scenario} */
function redirecting(ceilings) {
  const requests = ceilings.names.map((name) => request("GET", `/c/${name}`, headersOf(ceilings)));
  return {
    touch: requests.length,
    async unit(connection, index) {
      expectStatus(await connection.ask(/** @type {Buffer} */ (requests[index % requests.length])), 302);
    },
  };
}

/** Makes a new object with one row and gives its name. @param {Ceilings} ceilings @returns {(connection: Connection) => Promise<string>} */
export function creating(ceilings) {
  const create = request("POST", "/c", headersOf(ceilings), target);
  return async (connection) => {
    const answer = await connection.ask(create);
    expectStatus(answer, 200);
    return answer.body;
  };
}
