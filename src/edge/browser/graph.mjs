/**
 * The terminal's way to the graph, with the key that staff entered.
 * @typedef {(query: string, variables?: object) => Promise<any>} Ask Rejects with `Unauthorised` when the key is not accepted.
 */
export function connect() {
  class Unauthorised extends Error {}
  /** @type {Ask} */
  const ask = async (query, variables) => {
    const response = await fetch("/graphql", {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json",
        authorization: `Bearer ${localStorage.getItem("huoma.key") ?? ""}`,
      },
      body: JSON.stringify({ query, variables }),
    });
    if (response.status === 401) throw new Unauthorised();
    /** @type {{ data: unknown, errors?: { message: string, extensions?: { code?: string } }[] }} */
    const { data, errors = [] } = await response.json();
    if (errors.some(({ extensions }) => extensions?.code === "UNAUTHENTICATED")) throw new Unauthorised();
    if (errors[0]) throw new Error(errors[0].message);
    return data;
  };
  return { ask, Unauthorised };
}
