/** The graph's nouns and what each is backed by. Their fields are said in the files of the same names; this one is what lets them speak of each other. */
import type { Conversion as CoreConversion } from "../core/conversion.ts";
import type { EventType } from "../core/events.ts";
import type { OrderKey } from "../core/ids.ts";
import type { Order as CoreOrder } from "../core/order.ts";
import type { ApiKey as ApiKeyRow } from "../db/api-keys.ts";
import type { Customer as CustomerRow } from "../db/customers.ts";
import type { Merchant as MerchantRow } from "../db/merchants.ts";
import type { Product as ProductRow } from "../db/products.ts";
import type { ConversionBlock as BlockRow } from "../db/conversion-blocks.ts";
import type { AccountSummary, MemberSummary, PoolSummary } from "../durable/protocol.ts";
import type { Delivery, EndpointSummary } from "../durable/webhook-protocol.ts";
import { builder } from "./builder.ts";

/** `order` is the one that converted. */
export type ConversionView = { readonly order: CoreOrder; readonly conversion: CoreConversion };

/**
 * A customer met through an order may not have reached the read model yet: then what that order knows is all there is to tell.
 * `row`: read already.
 */
export type CustomerView = { readonly id: string; readonly order: CoreOrder | null; readonly row: CustomerRow | null };

export type EventView = {
  readonly id: string;
  readonly type: EventType;
  readonly sequence: number;
  readonly at: number;
  /** Null for what happened to no order. */
  readonly orderKey: OrderKey | null;
  readonly data: Readonly<Record<string, unknown>>;
  /** The order, when it is at hand. */
  readonly order: CoreOrder | null;
};

export const Merchant = builder.objectRef<MerchantRow>("Merchant");
export const ApiKey = builder.objectRef<ApiKeyRow>("ApiKey");
export const Product = builder.objectRef<ProductRow>("Product");
export const Order = builder.objectRef<CoreOrder>("Order");
export const LiveCode = builder.objectRef<CoreOrder>("LiveCode");
export const PaymentAccount = builder.objectRef<AccountSummary>("PaymentAccount");
export const Conversion = builder.objectRef<ConversionView>("Conversion");
export const ConversionBlock = builder.objectRef<BlockRow>("ConversionBlock");
export const StaffPool = builder.objectRef<PoolSummary>("StaffPool");
export const StaffMember = builder.objectRef<MemberSummary>("StaffMember");
export const Customer = builder.objectRef<CustomerView>("Customer");
export const Event = builder.objectRef<EventView>("Event");
export const WebhookEndpoint = builder.objectRef<EndpointSummary>("WebhookEndpoint");
export const WebhookDelivery = builder.objectRef<Delivery>("WebhookDelivery");
