/** How a payment account is kept, and what others are shown of it. */
import type { PaymentPort, ProviderCall } from "../payments/provider.ts";
import type { AccountSummary } from "./protocol.ts";

/** The one document of the object. `sealed` is the credentials' JSON, readable only as this account of this merchant. */
export type StoredAccount = Omit<AccountSummary, "unableIn"> & {
  readonly storage: 1;
  readonly sealed: string;
  readonly openedAt: number;
  readonly notificationUrl?: string;
};

/** The account as it can be used. */
export type OpenAccount = {
  readonly stored: StoredAccount;
  readonly port: PaymentPort<unknown>;
  readonly credentials: unknown;
};

export const sealedPlace = (merchantId: string, id: string): string => `${merchantId}|account|${id}|credentials`;

export const callOf = ({ id, notificationUrl }: StoredAccount): ProviderCall => ({
  now: Date.now(),
  account: id,
  notificationUrl: notificationUrl ?? null,
});

export const summaryOf = ({ stored, port, credentials }: OpenAccount): AccountSummary => {
  const { id, merchantId, provider, name, enabled, fingerprints } = stored;
  const unableIn = port.unableIn?.(credentials) ?? [];
  return { id, merchantId, provider, name, enabled, fingerprints, ...(unableIn.length > 0 && { unableIn }) };
};
