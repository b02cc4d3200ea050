/**
 * What a conversion wants done outside its order, carried out until nothing is due or somebody does not answer. It waits for no payment provider,
 * and nobody waits for it: a server may take its ten seconds while the alarm goes on ringing for the money.
 */
import type { Command } from "../core/commands.ts";
import { conversionWorkOf, type ConversionWork } from "../core/conversion-work.ts";
import type { Order } from "../core/order.ts";
import { carryOut } from "./outside.ts";
import type { Begin } from "./outside-call.ts";

/** The live code, as this work sees it. */
export type Converted = {
  readonly order: () => Order;
  readonly begin: Begin;
  /** What was done becomes a fact of the order. */
  readonly hear: (command: Command) => void;
  readonly answered: () => void;
  /** Somebody did not answer: the alarm comes back for it. */
  readonly refused: () => void;
};

export class OutsideWork {
  private readonly env: Env;
  private readonly code: Converted;
  private running: Promise<void> | null = null;

  constructor(env: Env, code: Converted) {
    this.env = env;
    this.code = code;
  }

  /** Calling it while it runs adds nothing. Never rejects. */
  async carryOut(): Promise<void> {
    if (!this.running && this.due().length === 0) return;
    this.running ??= this.carryOutEach();
    await this.running;
  }

  private due(): readonly ConversionWork[] {
    return conversionWorkOf(this.code.order(), Date.now());
  }

  private async carryOutEach(): Promise<void> {
    try {
      for (let works = this.due(); works.length > 0; works = this.due()) {
        const order = this.code.order();
        const answers = await Promise.all(works.map((work) => this.carryOutOne(order, work)));
        if (answers.includes(false)) return this.code.refused();
        this.code.answered();
      }
    } catch (fault) {
      console.error("work of a conversion", fault);
      this.code.refused();
    } finally {
      this.running = null;
    }
  }

  /** Heard as soon as it is known, whoever else is still silent. False when nobody answered. */
  private async carryOutOne(order: Order, work: ConversionWork): Promise<boolean> {
    const news = await carryOut(this.env, order, work, this.code.begin);
    if (news) this.code.hear(news);
    return news !== null;
  }
}
