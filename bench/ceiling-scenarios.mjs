// The same cases against the ceilings. Each asks for the unavoidable part of what the product's scenario of the same name asks for.
import { request } from "./connection.mjs";
import { listDocument, phone, question, readDocument } from "./product-scenarios.mjs";
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
  redirect: (ceilings) => onEach(ceilings, (name) => request("GET", `/c/${name}`, headersOf(ceilings)), 302),
  read: (ceilings) => always(asking(ceilings, "/graphql"), 200, paid),
  list: (ceilings) => always(question({ url: ceilings.url, apiKey: apiKeyLike }, listDocument, {}, "/yoga"), 200, paid),
  readObject: (ceilings) => onEach(ceilings, (name) => asking(ceilings, `/graphql/${name}`), 200, paid),
  place: (ceilings) => ({ touch: 8, unit: creating(ceilings) }),
  placeGuarded: (ceilings) => ({ ...always(asking(ceilings, "/graphql/place"), 200, paid), touch: 8 }),
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

const paid = `"state":"PAID"`;

/** @param {Ceilings} ceilings @param {string} path */
const asking = ({ url }, path) => question({ url, apiKey: apiKeyLike }, readDocument, { id: orderIdLike }, path);

/** Nothing is looked up, but what is sent is as long as what the product is sent. */
const apiKeyLike = "hk_0001M83N5VRAJPPXW38TFN3E9GHN01M83N5V_01M83N5VRAJPPXW38TFN3E9GHN01M83N";
const orderIdLike = "order_01M83N5VRAJPPXW3";

/** @param {Ceilings} ceilings */
const headersOf = ({ url }) => ({ host: new URL(url).host, ...phone });

/** @param {Buffer} asked @param {number} status @param {string} [part] @returns {Scenario} */
function always(asked, status, part) {
  return {
    touch: 8,
    async unit(connection) {
      expectStatus(await connection.ask(asked), status, part);
    },
  };
}

/**
 * Asks one object after another.
 * @param {Ceilings} ceilings @param {(name: string) => Buffer} asked @param {number} status @param {string} [part]
 * @returns {Scenario}
 */
function onEach(ceilings, asked, status, part) {
  const requests = ceilings.names.map(asked);
  return {
    touch: requests.length,
    async unit(connection, index) {
      expectStatus(await connection.ask(/** @type {Buffer} */ (requests[index % requests.length])), status, part);
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
