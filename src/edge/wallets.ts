/**
 * Which wallet a phone is in, and what it can pay with there. Read the two tables; there is no other rule.
 *
 * | the user agent says             | so the code is held  |
 * |---------------------------------|----------------------|
 * | MicroMessenger                  | in WeChat            |
 * | AlipayClient                    | in Alipay            |
 * | Mobile, Android, iPhone, iPad … | in a phone's browser |
 * | anything else, or nothing       | on a larger screen   |
 *
 * |                      | WeChat Pay            | Alipay                   | Stripe, sandbox |
 * |----------------------|-----------------------|--------------------------|-----------------|
 * | in WeChat            | at once, in WeChat    | no: WeChat does not open | yes             |
 * | in Alipay            | no: nor does Alipay   | at once, in Alipay       | yes             |
 * | in a phone's browser | opens WeChat          | opens Alipay             | yes             |
 * | on a larger screen   | shows a code for it   | shows a code for it      | yes             |
 */
import type { Currency } from "../core/money.ts";
import type { AccountTerms, PaymentProvider, Scene } from "../core/order.ts";

const agents: readonly (readonly [RegExp, Scene])[] = [
  [/\bMicroMessenger\//i, "IN_WECHAT"],
  [/\bAlipayClient\//i, "IN_ALIPAY"],
  [/Mobile|Android|iPhone|iPad|iPod|HarmonyOS/i, "PHONE"],
];

export const sceneOf = ({ headers }: Request): Scene => {
  const agent = headers.get("user-agent") ?? "";
  return agents.find(([pattern]) => pattern.test(agent))?.[1] ?? "DESKTOP";
};

/** The wallet around the page pays without leaving it: nobody is asked to choose, unless it failed. */
const atHome: Readonly<Partial<Record<Scene, PaymentProvider>>> = { IN_WECHAT: "WECHAT_PAY", IN_ALIPAY: "ALIPAY" };
const closed: Readonly<Partial<Record<Scene, PaymentProvider>>> = { IN_WECHAT: "ALIPAY", IN_ALIPAY: "WECHAT_PAY" };
/** Wallets that hold one currency. */
const onlyCurrency: Readonly<Partial<Record<PaymentProvider, string>>> = { WECHAT_PAY: "CNY", ALIPAY: "CNY" };

export type Choice = {
  /** What can be paid with here, in the merchant's order. */
  readonly here: readonly PaymentProvider[];
  /** What can be paid with when the code is opened or scanned elsewhere. */
  readonly elsewhere: readonly PaymentProvider[];
  /** The wallet around the page, when it cannot be paid with here; `taken`: it could, in another place. */
  readonly unserved: { readonly provider: PaymentProvider; readonly taken: boolean } | null;
};

/**
 * Money recorded by hand is nothing a phone can do, and an account may lack what it takes to be paid with here (`unableIn`). `failed`: with these it was
 * tried in vain, so what else there is is offered beside them.
 */
export function choiceIn(
  scene: Scene,
  accounts: readonly AccountTerms[],
  currency: Currency,
  failed: ReadonlySet<PaymentProvider> = new Set(),
): Choice {
  const all = [...new Set(accounts.map(({ provider }) => provider))].filter(
    (provider) => provider !== "MANUAL" && (onlyCurrency[provider] ?? currency) === currency,
  );
  const able = new Set(accounts.filter(({ unableIn }) => !unableIn?.includes(scene)).map(({ provider }) => provider));
  const opens = (provider: PaymentProvider): boolean => able.has(provider) && provider !== closed[scene];
  const home = atHome[scene];
  const served = home && all.includes(home) && opens(home) ? home : null;
  if (served && !failed.has(served)) return { here: [served], elsewhere: [], unserved: null };
  const others = all.filter((provider) => provider !== served);
  return {
    here: [...(served ? [served] : []), ...others.filter(opens)],
    elsewhere: others.filter((provider) => !opens(provider)),
    unserved: served || !home ? null : { provider: home, taken: all.includes(home) },
  };
}
