/** A provider's news as something to tell the order, with the payer that only the account can name. */
import type { Keys } from "../keys/root.ts";
import type { ProviderNews } from "../payments/provider.ts";
import { payerOf } from "./payer.ts";
import type { AccountNews, AccountSummary } from "./protocol.ts";

export function understood(
  keys: Keys,
  { id, merchantId }: Pick<AccountSummary, "id" | "merchantId">,
  news: ProviderNews,
): Pick<AccountNews, "order" | "command" | "why"> {
  switch (news.kind) {
    case "captured": {
      if (news.capture.amount <= 0) return { order: news.order, command: null, why: "no money came" };
      const { payerName: _, identities: __, ...told } = news.capture;
      const capture = { ...told, account: id, payer: payerOf(keys, merchantId, news.capture) };
      return { order: news.order, command: { kind: "capture", capture, exact: false }, why: null };
    }
    case "ended":
    case "refunded":
      return { order: news.order, command: news.command, why: null };
    case "ignored":
      return { order: null, command: null, why: news.why };
  }
}
