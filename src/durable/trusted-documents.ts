/** The documents that a merchant's keys may be confined to, and that its clients may send by their ids; one object per merchant. They are never changed: another text has another id. */
import { DurableObject } from "cloudflare:workers";
import type { TrustedDocumentsProtocol } from "./protocol.ts";

export class TrustedDocuments extends DurableObject<Env> implements TrustedDocumentsProtocol {
  async keep(documents: readonly { readonly id: string; readonly text: string }[]): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      for (const { id, text } of documents) this.ctx.storage.kv.put(id, text);
    });
  }

  async text(id: string): Promise<string | null> {
    return this.ctx.storage.kv.get<string>(id) ?? null;
  }
}
