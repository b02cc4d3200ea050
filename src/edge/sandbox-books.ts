/**
 * `GET /sandbox/ledger/:wallet?after=…`: the pretend wallet's own books, so that whoever tries the product can hold them against its. `:wallet`
 * is the first character of an order's key. On a developer's machine only: it says what every merchant's payers paid.
 */
import { isOrderKey } from "../core/ids.ts";
import type { SandboxWalletProtocol } from "../durable/sandbox-wallet.ts";
import type { Deps } from "../resolvers/deps.ts";
import { notFound } from "./not-found.ts";

export async function sandboxBooksDoor(
  request: Request,
  wallet: string,
  { local }: Deps,
  walletNamed: (name: string) => SandboxWalletProtocol,
): Promise<Response> {
  if (!local || wallet.length !== 1 || !isOrderKey(wallet.repeat(16))) return notFound();
  const after = new URL(request.url).searchParams.get("after") ?? "";
  return Response.json(await walletNamed(wallet).books(after), { headers: { "cache-control": "no-store" } });
}
