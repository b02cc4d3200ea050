/** The pretend wallet as a phone shows it: what is asked, three buttons, and for testers everything that can go wrong. */
import { limits } from "../../core/limits.ts";
import type { SandboxPaymentView } from "../../durable/sandbox-wallet.ts";
import { formatMoney, shown } from "../format.ts";
import type { Language } from "../language.ts";
import { Frame } from "./frame.tsx";
import { walletWords, type WalletWords } from "./wallet-words.ts";

export type WalletPageProps = {
  readonly payment: string;
  readonly view: SandboxPaymentView;
  /** The payer unless another is named. */
  readonly person: string;
  /** Names of the fields that could not be read. */
  readonly wrong: readonly string[];
  readonly language: Language;
};

type FieldName = keyof WalletWords["fields"];
const inputs: Readonly<Record<FieldName, Readonly<Record<string, string | number>>>> = {
  payer: { maxlength: limits.referenceLengthMax },
  name: { maxlength: limits.referenceLengthMax },
  phone: { type: "tel", maxlength: limits.referenceLengthMax },
  email: { type: "email", maxlength: limits.referenceLengthMax },
  amount: { inputmode: "decimal" },
  notifications: { type: "number", min: 0, max: limits.sandboxNotificationsMax, placeholder: 1 },
  delaySeconds: { type: "number", min: 0, max: limits.sandboxDelaySecondsMax, placeholder: 0 },
  paidAt: { placeholder: "2026-01-31T12:00:00Z" },
  lateSeconds: { type: "number", min: 0, max: limits.sandboxDelaySecondsMax, placeholder: 0 },
  chaos: { maxlength: limits.sandboxChaosLengthMax },
};
const fieldNames = Object.keys(inputs) as FieldName[];

export function WalletPage({ payment, view, person, wrong, language }: WalletPageProps) {
  const words = walletWords[language];
  const amount = formatMoney(view.amount, view.currency, language);
  const payable = view.state === "OPEN" || view.state === "FAILED";
  return (
    <Frame language={language} title={words.title}>
      <main class="sheet">
        <p class="notice">
          <strong>{words.title}</strong> · {words.pretend}
        </p>
        {wrong.length > 0 && (
          <p class="notice" role="alert">
            {words.wrong(wrong.join(", "))}
          </p>
        )}
        <section class="card">
          <div class="hero">
            <p class="soft">{words.toPay}</p>
            <p class="amount">{amount}</p>
            <p>{shown(view.description)}</p>
          </div>
          {view.state !== "OPEN" && (
            <p class="calm" role="status">
              {words.states[view.state]}
            </p>
          )}
        </section>
        {payable ? (
          <>
            <TestFields person={person} words={words} />
            <Choices payment={payment} amount={amount} words={words} />
          </>
        ) : (
          <div class="act">
            <a class="button plain" href={view.returnUrl}>
              {words.back}
            </a>
          </div>
        )}
      </main>
    </Frame>
  );
}

const formId = "decision";

/** Part of the form, though not inside it: the buttons stay in reach while this is open. */
const TestFields = ({ person, words }: { readonly person: string; readonly words: WalletWords }) => (
  <details class="card">
    <summary>{words.more}</summary>
    {fieldNames.map((name) => (
      <label class="field">
        <span class="soft small">{words.fields[name]}</span>
        <input form={formId} name={name} value={name === "payer" ? person : ""} {...inputs[name]} />
      </label>
    ))}
  </details>
);

type ChoicesProps = { readonly payment: string; readonly amount: string; readonly words: WalletWords };

/** Pay comes first, so that the enter key pays. */
const Choices = ({ payment, amount, words }: ChoicesProps) => (
  <div class="act">
    <form id={formId} method="post" action={`/sandbox/wallet/${payment}`}>
      <button class="button" type="submit" name="outcome" value="pay">
        {words.pay(amount)}
      </button>
      <button class="button plain" type="submit" name="outcome" value="fail">
        {words.fail}
      </button>
      <button class="button plain" type="submit" name="outcome" value="abandon">
        {words.abandon}
      </button>
    </form>
  </div>
);
