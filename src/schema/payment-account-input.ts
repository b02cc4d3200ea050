/** What a merchant enters of an account, as each provider's form declares it: a new provider's form brings its inputs along. */
import type { InputRef } from "@pothos/core";
import type { PaymentProvider } from "../core/order.ts";
import type { Field, Form } from "../payments/credentials.ts";
import { paymentPorts } from "../payments/registry.ts";
import { builder } from "./builder.ts";

type Given = Readonly<Record<string, unknown>>;
/** A provider's form as one field of an input. */
export type AccountField = { readonly field: string; readonly provider: PaymentProvider; readonly form: Form<unknown> };

const ports = paymentPorts(() => {
  throw new Error("a form asks no wallet");
});
/** `WECHAT_PAY` is `wechatPay`. */
const fieldNameOf = (provider: string): string =>
  provider.toLowerCase().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

export const accountFields: readonly AccountField[] = Object.values(ports).map(({ provider, form }) => ({
  field: fieldNameOf(provider),
  provider,
  form,
}));

type Input = InputRef<object>;
const inputs = new Map<string, Input>();

/** Fields only some of which are given when `changes`. */
function inputOf(form: Form<unknown>, changes: boolean, name: string, description: string): Input {
  const known = inputs.get(name);
  if (known) return known;
  const built = builder.inputType(name, {
    description,
    fields: (t) => {
      const typeOf = ({ kind, about }: Field<unknown>) =>
        kind === "TEXT" ? "String" : kind === "URL" ? "URL" : inputOf(kind, false, `${kind.typeName}Input`, about);
      const entries = Object.entries(form.fields).map(([field, declared]) => [
        field,
        t.field({
          type: (declared.many ? [typeOf(declared)] : typeOf(declared)) as "String",
          required: declared.needed && !changes,
          description: changes && declared.many ? `Added to those in use. ${declared.about}` : declared.about,
        }),
      ]);
      const own = form.typeName.endsWith("Account") && !changes;
      return Object.fromEntries([
        ...(own ? [["name", t.string({ required: true, description: "What you call it." })]] : []),
        ...entries,
      ]) as Record<string, ReturnType<typeof t.string>>;
    },
  });
  inputs.set(name, built);
  return built;
}

export const newAccountInput = ({ form }: AccountField): Input =>
  inputOf(form, false, `${form.typeName}Input`, "The account, as the provider knows it.");
export const changedAccountInput = ({ form }: AccountField): Input =>
  inputOf(form, true, `${form.typeName}ChangesInput`, "What of the account's credentials changes; the rest stays.");

/** The providers whose fields were filled in, and with what. */
export const givenAccounts = (input: Given): readonly (Omit<AccountField, "form"> & { readonly given: Given })[] =>
  accountFields
    .filter(({ field }) => input[field] !== null && input[field] !== undefined)
    .map(({ field, provider }) => ({ field, provider, given: { ...(input[field] as Given) } }));
