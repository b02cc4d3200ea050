/** The page behind a live code: the order, and what the payer can do about it now. Complete without JavaScript. */
import type { Order } from "../../core/order.ts";
import type { OrderState } from "../../core/state.ts";
import { formatMoney, formatTime, named, shown } from "../format.ts";
import { languages, type Language } from "../language.ts";
import { messages, type PayReason } from "../messages.ts";
import { Amount, Foreign, Frame } from "./frame.tsx";
import { ClaimForm } from "./claim-form.tsx";
import { Lines, Sums } from "./lines.tsx";
import { PayForm } from "./pay-form.tsx";
import type { PayerView } from "./payer-view.ts";
import { Situation } from "./situation.tsx";

export type PayerPageProps = {
  readonly slug: string;
  readonly nonce: string;
  /** Lets this browser, and no other, claim the record of what it paid. */
  readonly claimToken: string;
  readonly order: Order;
  readonly state: OrderState;
  readonly view: PayerView;
  readonly language: Language;
  readonly reason: PayReason | null;
  /** The server's clock, so that the page counts down by it and not by the phone's. */
  readonly now: number;
  readonly script: string;
};

/** How often a page without JavaScript asks again, in seconds: often while this phone's own money is on its way. */
function refreshSecondsOf(view: PayerView): number | undefined {
  switch (view.kind) {
    case "payable":
      return view.again ? 4 : undefined;
    case "ending":
      return 4;
    case "busy":
      return 10;
    case "review":
      return 30;
    case "paid":
      return view.settling ? 4 : undefined;
    case "ended":
      return undefined;
  }
}

export function PayerPage(props: PayerPageProps) {
  const { slug, order, state, view, language, reason, now, script } = props;
  const words = messages[language];
  const { merchant, currency, number } = order.terms;
  const amount = formatMoney(view.kind === "payable" ? view.due : order.terms.total, currency, language);
  const name = shown(merchant.name);
  return (
    <Frame
      language={language}
      title={words.payTitle(amount, named(merchant.name))}
      script={script}
      refreshSeconds={refreshSecondsOf(view)}
    >
      <main
        class="sheet"
        id="live"
        data-events={isOver(view) ? undefined : `/c/${slug}/events`}
        data-state={state}
        data-version={String(order.version)}
        data-now={String(now)}
      >
        <header class="merchant">
          <span class="seal" aria-hidden="true">
            {initialOf(name)}
          </span>
          <div>
            <h1>
              <Foreign text={name} />
            </h1>
            <p class="soft small">{words.orderNumber(shown(number))}</p>
          </div>
        </header>
        {reason && (view.kind === "payable" || view.kind === "busy" || reason === "contact") && (
          <p class="notice" role="alert">
            {words.reasons[reason]}
          </p>
        )}
        <Situation order={order} view={view} language={language} calm={reason === null} />
        <section class="card">
          {view.kind === "payable" && (
            <div class="hero">
              <p class="soft">{words.toPay}</p>
              <Amount text={amount} />
              {order.expiresAt > now && (
                <p class="soft small">
                  <time
                    datetime={new Date(order.expiresAt).toISOString()}
                    data-until={String(order.expiresAt)}
                    data-label={words.timeLeft}
                  >
                    {words.validUntil(formatTime(order.expiresAt, merchant.timeZone, language))}
                  </time>
                </p>
              )}
            </div>
          )}
          <Lines order={order} language={language} />
          <Sums order={order} view={view} language={language} />
        </section>
        {view.kind === "payable" && (
          <PayForm
            slug={slug}
            nonce={props.nonce}
            terms={order.terms}
            view={view}
            amount={amount}
            language={language}
          />
        )}
        {view.kind === "paid" && view.payer?.mayClaim && (
          <ClaimForm slug={slug} nonce={props.nonce} token={props.claimToken} terms={order.terms} language={language} />
        )}
        <nav class="under small" aria-label={words.otherLanguage}>
          {languages
            .filter((other) => other !== language)
            .map((other) => (
              <a href={`/c/${slug}?lang=${other}`} lang={other} hreflang={other}>
                {messages[other].languageName}
              </a>
            ))}
        </nav>
      </main>
    </Frame>
  );
}

/** Nothing more is going to happen that this page would have to show by itself. */
const isOver = (view: PayerView): boolean => (view.kind === "paid" && !view.settling) || view.kind === "ended";
const initialOf = (name: string): string => /\p{L}|\p{N}/u.exec(name)?.[0]?.toLocaleUpperCase() ?? "·";
