/** What a person entered on one of the pages. Words only; the verb decides what is made of them. */
import type { Entered } from "../resolvers/payer-says.ts";
import { chooseLanguage } from "./language.ts";

/** `language` is a hidden field: the consent was given to the text in the language that was on the screen. */
export function enteredIn(form: URLSearchParams, request: Request): Entered {
  const language = chooseLanguage({
    asked: form.get("language"),
    acceptLanguage: request.headers.get("accept-language"),
    fallback: "en",
  });
  const { country } = (request.cf ?? {}) as { readonly country?: unknown };
  return {
    phone: form.get("phone") ?? "",
    email: form.get("email") ?? "",
    name: form.get("name") ?? "",
    consents: form.getAll("consent"),
    locale: language,
    country: typeof country === "string" ? country : null,
  };
}
