/** Where the order stands when there is more to say than the amount: being paid, paid, checked, over. */
import type { Order } from "../../core/order.ts";
import { formatMoment, formatMoney, formatTime, named, shown } from "../format.ts";
import type { Language } from "../language.ts";
import { messages, type Messages } from "../messages.ts";
import { Amount, Mark, type MarkName } from "./frame.tsx";
import type { PayerView } from "./payer-view.ts";

type SituationProps = {
  readonly order: Order;
  readonly view: PayerView;
  readonly language: Language;
  /** False when the page already says what went wrong: then it does not also ask to wait. */
  readonly calm: boolean;
};

export function Situation({ order, view, language, calm }: SituationProps) {
  const words = messages[language];
  switch (view.kind) {
    case "payable":
      return view.again && calm ? (
        <p class="calm" role="status">
          <strong>{words.waitingTitle}</strong> {words.waitingText}
        </p>
      ) : null;
    case "busy":
      return (
        <State
          mark="pause"
          title={words.busyTitle}
          text={words.busyText(formatTime(view.until, order.terms.merchant.timeZone, language))}
        >
          <p data-until={String(view.until)} data-label={words.timeLeft} class="soft" />
          <p>
            <a class="button plain" href="">
              {words.tryAgain}
            </a>
          </p>
        </State>
      );
    case "ending":
      return <State mark="ring" kind="wait" title={words.endingTitle} text={words.endingText} />;
    case "review":
      return <State mark="clock" title={words.reviewTitle} text={words.reviewText(named(order.terms.merchant.name))} />;
    case "ended":
      return (
        <State
          mark="cross"
          title={view.as === "EXPIRED" ? words.expiredTitle : words.cancelledTitle}
          text={view.as === "EXPIRED" ? words.expiredText : words.cancelledText}
        >
          {view.returned && <p>{words.returnedText}</p>}
        </State>
      );
    case "paid":
      return <Paid order={order} view={view} words={words} language={language} />;
  }
}

type StateProps = { mark: MarkName; kind?: "good" | "wait"; title: string; text: string; children?: unknown };

const State = ({ mark, kind, title, text, children }: StateProps) => (
  <section class={`card state ${kind ?? ""}`} role="status">
    <Mark name={mark} />
    <h2>{title}</h2>
    <p class="soft">{text}</p>
    {children}
  </section>
);

type PaidProps = { order: Order; view: Extract<PayerView, { kind: "paid" }>; words: Messages; language: Language };

/** Each browser that paid reads its payment's number, and the customer's own what is theirs; anyone else who scans the code reads a receipt. */
function Paid({ order, view, words, language }: PaidProps) {
  const { merchant, currency, total } = order.terms;
  const name = named(merchant.name);
  return (
    <section class="card state good" role="status">
      <Mark name="tick" />
      <h2>{words.paidTitle}</h2>
      <Amount text={formatMoney(total, currency, language)} />
      {view.payer ? (
        <>
          <p class="greeting">{view.payer.name ? words.greeting(named(view.payer.name)) : words.greetingNameless}</p>
          <p class="soft">{words.customerText(name)}</p>
        </>
      ) : (
        <p class="soft">{words.paidText(name)}</p>
      )}
      {view.payer?.staff && <p>{words.staffTitle(named(view.payer.staff))}</p>}
      {view.payer?.coupons.map(({ code, name: title, expiresAt }) => (
        <p>
          {words.coupon}: {shown(title)}
          {expiresAt !== null && ` (${words.couponUntil(formatMoment(expiresAt, merchant.timeZone, language))})`}
          <br />
          <span class="code">{code}</span>
        </p>
      ))}
      {view.extra && <p>{words.extraText}</p>}
      {isWebUrl(view.target) && (
        <p>
          <a class="button" href={view.target} rel="noreferrer">
            {words.toTarget(name)}
          </a>
        </p>
      )}
      <dl class="sums">
        <div>
          <dt>{words.paidAt}</dt>
          <dd>{formatMoment(view.at, merchant.timeZone, language)}</dd>
        </div>
        {view.transaction !== null && (
          <div>
            <dt>{words.transaction}</dt>
            <dd class="small">{shown(view.transaction)}</dd>
          </div>
        )}
      </dl>
    </section>
  );
}

/** A merchant's link is followed only to the web, never into a script. */
const isWebUrl = (url: string | null): url is string =>
  url !== null && /^https?:$/.test(URL.parse(url)?.protocol ?? "");
