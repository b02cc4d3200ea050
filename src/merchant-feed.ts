/** Gives a merchant's feed what it asks of the graph, which stands above it. */
import { depsOf } from "./deps.ts";
import type { LiveGraph } from "./durable/live-graph.ts";
import { MerchantFeedObject } from "./durable/merchant-feed.ts";
import { qrImage } from "./edge/qr.ts";
import { configOf } from "./env.ts";
import { liveGraph } from "./schema/live.ts";

export class MerchantFeed extends MerchantFeedObject {
  protected override readonly graph: LiveGraph = liveGraph(
    (origin) => {
      const config = configOf(this.env);
      if (typeof config === "string") throw new Error(config);
      return depsOf(this.env, config, origin, this.ctx);
    },
    { qrImage },
  );
}
