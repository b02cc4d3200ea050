/** What was ordered and what it comes to. */
import type { Order } from "../../core/order.ts";
import { formatMoney, shown } from "../format.ts";
import type { Language } from "../language.ts";
import { messages } from "../messages.ts";
import { Foreign } from "./frame.tsx";
import type { PayerView } from "./payer-view.ts";

export function Lines({ order, language }: { order: Order; language: Language }) {
  const { lines, currency } = order.terms;
  return (
    <ul class="lines">
      {lines.map(({ name, quantity, unitPrice }) => (
        <li>
          <div>
            <span class="name">
              <Foreign text={shown(name)} />
            </span>
            {quantity > 1 && (
              <span class="soft small">
                {quantity} × {formatMoney(unitPrice, currency, language)}
              </span>
            )}
          </div>
          <span class="price">{formatMoney(unitPrice * quantity, currency, language)}</span>
        </li>
      ))}
    </ul>
  );
}

export function Sums({ order, view, language }: { order: Order; view: PayerView; language: Language }) {
  const words = messages[language];
  const { subtotal, discount, total, currency } = order.terms;
  const money = (minor: number): string => formatMoney(minor, currency, language);
  const partly = view.kind === "payable" && view.received > 0;
  return (
    <dl class="sums">
      {discount > 0 && <Row term={words.subtotal} value={money(subtotal)} />}
      {discount > 0 && <Row term={words.discount} value={money(-discount)} />}
      <Row term={words.total} value={money(total)} sum />
      {partly && <Row term={words.alreadyReceived} value={money(view.received)} />}
      {partly && <Row term={words.stillDue} value={money(view.due)} sum />}
      {view.kind === "paid" && view.refunded > 0 && <Row term={words.refunded} value={money(view.refunded)} />}
    </dl>
  );
}

const Row = ({ term, value, sum }: { term: string; value: string; sum?: boolean }) => (
  <div class={sum ? "sum" : undefined}>
    <dt>{term}</dt>
    <dd>{value}</dd>
  </div>
);
