/** Gives the endpoint's object what it asks of the graph, which stands above it. */
import { depsOf } from "./deps.ts";
import { WebhookEndpointObject } from "./durable/webhook-endpoint.ts";
import type { Select } from "./durable/webhook-sender.ts";
import { qrImage } from "./edge/qr.ts";
import { configOf } from "./env.ts";
import { bodySelected } from "./schema/selection.ts";

export class WebhookEndpoint extends WebhookEndpointObject {
  protected override readonly select: Select = async (wanted) => {
    const config = configOf(this.env);
    if (typeof config === "string") throw new Error(config);
    return bodySelected(depsOf(this.env, config, wanted.origin, this.ctx), { qrImage }, wanted);
  };
}
