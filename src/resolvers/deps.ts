/** What verbs may use. Built once per request by `src/deps.ts`; tests pass their own. */
import type { OrderKey } from "../core/ids.ts";
import type {
  LiveCodeProtocol,
  MerchantFeedProtocol,
  PaymentAccountProtocol,
  StaffPoolProtocol,
  TrustedDocumentsProtocol,
} from "../durable/protocol.ts";
import type { OutcomesProtocol } from "../durable/outcomes-protocol.ts";
import type { WebhookEndpointProtocol } from "../durable/webhook-protocol.ts";
import type { Keys } from "../keys/root.ts";
import type { PaymentPorts } from "../payments/registry.ts";

export type Deps = {
  readonly now: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly keys: Keys;
  /** The public origin, without a trailing slash: `https://pay.example`. Code URLs and notification URLs begin with it. */
  readonly origin: string;
  /** Local mode: GraphiQL, private webhook targets. */
  readonly local: boolean;
  readonly adminToken: string;
  /** The database that holds a merchant's catalogue and read model. */
  readonly database: (merchantId: string) => D1Database;
  /** The bucket (two base-32 characters) that a new merchant's id gets. */
  readonly newMerchantBucket: string;
  readonly liveCode: (key: OrderKey) => LiveCodeProtocol;
  readonly account: (accountId: string) => PaymentAccountProtocol;
  /** What is known of each provider without any account. */
  readonly ports: PaymentPorts;
  readonly feed: (merchantId: string) => MerchantFeedProtocol;
  readonly pool: (poolId: string) => StaffPoolProtocol;
  readonly endpoint: (endpointId: string) => WebhookEndpointProtocol;
  /** `owner`: whose requests; a merchant's id, or the operator. */
  readonly outcomes: (owner: string) => OutcomesProtocol;
  readonly documents: (merchantId: string) => TrustedDocumentsProtocol;
  /** Work after the answer. */
  readonly waitUntil: (work: Promise<unknown>) => void;
};
