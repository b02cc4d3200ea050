/** Who paid money that has no place yet: sealed for as long as that lasts, since an order that gets the money converts them. */
import type { HeardCapture } from "../core/commands.ts";
import { nameless, type Payer } from "../core/conversion.ts";
import type { Keys } from "../keys/root.ts";
import { seal, unseal } from "../keys/seal.ts";
import type { KeptPayment } from "./kept-payment.ts";
import { payerOf } from "./payer.ts";
import type { AccountSummary, ErasedPerson } from "./protocol.ts";

type Account = Pick<AccountSummary, "id" | "merchantId">;

export class SealedPayers {
  private readonly keys: Keys;

  constructor(keys: Keys) {
    this.keys = keys;
  }

  seal(account: Account, { id, payer }: Pick<HeardCapture, "id" | "payer">): string {
    return seal(this.keys.sealing, placeOf(account, id), JSON.stringify(payer));
  }

  /** They are forgotten once the money is settled: should it come back after that, it is nobody's that is known. */
  open(account: Account, { payer: sealed, capture, ...told }: KeptPayment): Payer {
    if (sealed === null)
      return payerOf(this.keys, account.merchantId, { ...told, id: capture, payerName: null, identities: [] });
    return this.unsealed(account, capture, sealed);
  }

  /** Sealed anew without a name, where it is the person who was erased after they paid; null for anybody else. */
  without(account: Account, { customerId, erasedAt }: ErasedPerson, { capture, payer, paidAt }: KeptPayment) {
    if (payer === null || paidAt > erasedAt) return null;
    const known = this.unsealed(account, capture, payer);
    const isTheirs = known.customerId === customerId && (known.name !== null || known.identities.length > 0);
    return isTheirs ? this.seal(account, { id: capture, payer: nameless(known) }) : null;
  }

  private unsealed(account: Account, capture: string, sealed: string): Payer {
    return JSON.parse(unseal(this.keys.sealing, placeOf(account, capture), sealed)) as Payer;
  }
}

const placeOf = ({ merchantId, id }: Account, capture: string): string =>
  `${merchantId}|account|${id}|payer of ${capture}`;
