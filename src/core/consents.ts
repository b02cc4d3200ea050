/**
 * What a customer agrees to, as far as an order knows: of each purpose the last word. Words have their time, and the later one stands however late the earlier
 * is heard; of two of the same moment the no.
 */
import type { ConsentReceipt, Conversion } from "./conversion.ts";
import type { Purpose } from "./definition.ts";

export type ConsentWord = Pick<ConsentReceipt, "purpose" | "granted" | "at">;

/** Consents given with the order: on the payer page, and on the paid page when the record was claimed. */
export const receiptsOf = ({ said, claim }: Pick<Conversion, "said" | "claim">): readonly ConsentReceipt[] => [
  ...(said?.consents ?? []),
  ...(claim?.said.consents ?? []),
];

export const isSameWord = (one: ConsentWord, other: ConsentWord): boolean =>
  one.purpose === other.purpose && one.granted === other.granted && one.at === other.at;

/** One word on each purpose, in the order of the purposes: the same whichever way they are heard. */
export function latestOf(words: readonly ConsentWord[]): readonly ConsentWord[] {
  const latest = new Map<Purpose, ConsentWord>();
  for (const { purpose, granted, at } of words) {
    const known = latest.get(purpose);
    const isLater = !known || at > known.at || (at === known.at && known.granted && !granted);
    if (isLater) latest.set(purpose, { purpose, granted, at });
  }
  return [...latest.values()].toSorted((a, b) => (a.purpose < b.purpose ? -1 : 1));
}

type Listener = Pick<Conversion, "said" | "claim" | "words" | "erasedAt">;

/** What the order itself was told, and what it heard since. What was said before the person was forgotten is forgotten with them, though its proof stays. */
const wordsWith = (conversion: Listener, heard: readonly ConsentWord[]): readonly ConsentWord[] =>
  latestOf(
    [...receiptsOf(conversion), ...(conversion.words ?? []), ...heard].filter(
      ({ at }) => conversion.erasedAt === undefined || at > conversion.erasedAt,
    ),
  );
export const wordsOf = (conversion: Listener): readonly ConsentWord[] => wordsWith(conversion, []);

export const grantedIn = (words: readonly ConsentWord[]): readonly Purpose[] =>
  words.filter(({ granted }) => granted).map(({ purpose }) => purpose);

/** The conversion having heard more; the same object when nothing of it is news. */
export function hearing<C extends Conversion>(conversion: C, heard: readonly ConsentWord[]): C {
  const before = wordsOf(conversion);
  const words = wordsWith(conversion, heard);
  return JSON.stringify(words) === JSON.stringify(before) ? conversion : { ...conversion, words };
}
