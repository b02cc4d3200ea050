/** Where a merchant wants actions carried out: one address per kind of action, with the sealed secret that signs the calls. */
import { clause, prepare } from "./clause.ts";
import { actionEndpoints } from "./columns.ts";
import { insertion, rowsOf, selection } from "./rows.ts";

export type ActionEndpoint = {
  readonly merchantId: string;
  readonly kind: string;
  readonly url: string;
  readonly sealed: string;
  readonly createdAt: number;
};

const list = `SELECT ${selection(actionEndpoints)} FROM action_endpoints WHERE merchant_id = ? ORDER BY kind`;
const find = `SELECT ${selection(actionEndpoints)} FROM action_endpoints WHERE merchant_id = ? AND kind = ?`;

export async function saveActionEndpoint(db: D1Database, endpoint: ActionEndpoint): Promise<void> {
  const replace = "ON CONFLICT (merchant_id, kind) DO UPDATE SET url = excluded.url, sealed = excluded.sealed";
  await prepare(db, insertion(actionEndpoints, endpoint, replace)).run();
}

export const listActionEndpoints = (db: D1Database, merchantId: string): Promise<readonly ActionEndpoint[]> =>
  rowsOf(db, actionEndpoints, clause(list, merchantId));

export const findActionEndpoint = async (
  db: D1Database,
  merchantId: string,
  kind: string,
): Promise<ActionEndpoint | null> => (await rowsOf(db, actionEndpoints, clause(find, merchantId, kind)))[0] ?? null;

/** What is sealed for one merchant and kind opens nowhere else. */
export const actionSecretPlace = (merchantId: string, kind: string): string => `${merchantId}|action|${kind}|secret`;
