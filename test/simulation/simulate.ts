/** One seed: a shop opens, lives through a day of bad weather, gets two days to come to rest, and is judged. */
import { Chance } from "./chance.ts";
import { Clock } from "./clock.ts";
import { replaceGlobals } from "./globals.ts";
import { brokenLaws, watchCommits } from "./laws.ts";
import { fair, isOfPlatform, Platform } from "./platform.ts";
import { Shop, type Seller } from "./shop.ts";

const minute = 60_000;
const hour = 60 * minute;

export type Report = {
  readonly seed: number;
  readonly broken: readonly string[];
  readonly orders: number;
  readonly paid: number;
  readonly deaths: number;
  readonly happened: number;
};

export const dayOne = Date.UTC(2026, 0, 5);

/** Runs `work` in a world of its own. */
export async function inWorld<T>(seed: number, work: (shop: Shop) => Promise<T>): Promise<T> {
  const chance = new Chance(seed);
  // No two seeds share an hour: what an isolate remembers of one must mean nothing in the other.
  const platform = new Platform(new Clock(dayOne + (seed % 100_000) * 7 * 24 * hour), chance);
  const shop = new Shop(platform);
  const putBack = replaceGlobals({
    clock: platform.clock,
    chance,
    fetch: shop.partner.fetch,
    logged: (words) => {
      const fault = words.find((word) => word instanceof Error);
      if (fault) platform.thrown(String(words[0]), fault);
    },
  });
  try {
    return await work(shop);
  } finally {
    putBack();
    for (const { disk } of [shop, ...platform.objects.values()].map((one) => ("disk" in one ? one : one.database)))
      disk.database.close();
  }
}

export const simulate = (seed: number): Promise<Report> =>
  inWorld(seed, async (shop) => {
    const { platform } = shop;
    const { clock, chance } = platform;
    const broken = watchCommits(platform);
    const opening = shop.open(
      {
        latePayment: chance.pick(["HONOR", "HONOR_IF_STOCK", "REFUND", "REVIEW"]),
        overPayment: chance.pick(["REFUND", "KEEP", "REVIEW"]),
        underPayment: chance.pick(["REFUND", "KEEP_OPEN", "REVIEW"]),
      },
      [null, chance.between(2, 6), chance.between(5, 30)],
      chance.pick([1, 1, 2]),
    );
    await clock.runUntil(clock.now + minute);
    const seller = await opening;

    const start = clock.now;
    storm(shop, start);
    const visits = people(shop, seller);
    for (let now = start; now < start + 24 * hour; now += 30 * minute) {
      await clock.runUntil(now);
      for (const object of platform.objects.values()) if (chance.happens(0.3)) platform.evict(object);
      void shop.sweep();
    }
    Object.assign(platform.weather, fair);
    Object.assign(shop.wallet, { isAway: false, stubborn: 0 });
    Object.assign(shop.partner, { isAway: false, moody: 0 });
    shop.database.isAway = false;
    for (let rest = 0; rest < 12; rest += 1) {
      await clock.runUntil(clock.now + 4 * hour);
      void shop.sweep();
    }
    await clock.runUntil(clock.now + hour);
    await Promise.all(visits);

    const judged = brokenLaws(shop, seller);
    return {
      seed,
      broken: [...broken, ...platform.bugs, ...judged.broken],
      orders: shop.orders.length,
      paid: judged.paid,
      deaths: platform.deaths,
      happened: clock.happened,
    };
  });

/** The day's weather, and when each of those whom the product leans on is away. */
function storm({ platform, wallet, partner, database }: Shop, start: number): void {
  const { clock, chance } = platform;
  Object.assign(platform.weather, {
    lost: chance.pick([0, 0.02, 0.1]),
    slow: chance.pick([0, 0.02, 0.15]),
    death: chance.pick([0, 0.002, 0.01]),
  });
  wallet.forgetful = chance.pick([0, 0.2, 0.5]);
  wallet.stubborn = chance.pick([0, 0.1]);
  partner.moody = chance.pick([0, 0.1, 0.3]);
  for (const somebody of [database, wallet, partner])
    for (let outage = chance.between(0, 2); outage > 0; outage -= 1) {
      const from = chance.between(0, 22 * hour);
      const lasts = chance.pick([minute, 20 * minute, 2 * hour]);
      clock.after(start + from - clock.now, () => (somebody.isAway = true));
      clock.after(start + from + lasts - clock.now, () => (somebody.isAway = false));
    }
}

function people(shop: Shop, seller: Seller): readonly Promise<void>[] {
  const { clock, chance } = shop.platform;
  return Array.from({ length: chance.between(3, 8) }, async () => {
    await clock.pause(chance.between(0, 18 * hour));
    await shop.visit(seller).catch((fault: unknown) => {
      if (!isOfPlatform(fault)) throw fault;
    });
  });
}
