/** What a field costs to answer, said where it is not the usual: one point, and five times what is below it for a list that no page bounds. */
export type Price = {
  readonly points?: number;
  /** How often what is selected below may be repeated. */
  readonly times?: number | ((args: Readonly<Record<string, unknown>>) => number);
};

/** As an option of a field. `cost.ts` counts. */
export const priced = (price: Price) => ({ extensions: { price } });
