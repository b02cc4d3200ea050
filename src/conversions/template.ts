/** Texts with variables: `{name}` and the like, from a closed set. What is not known becomes nothing. */
export const variables = ["merchant", "name", "number", "amount", "points", "coupon", "staff", "group"] as const;
export type Variable = (typeof variables)[number];

const pattern = /\{([A-Za-z]+)\}/g;
const isVariable = (name: string): name is Variable => (variables as readonly string[]).includes(name);

export const unknownVariables = (text: string): readonly string[] =>
  Array.from(text.matchAll(pattern), ([, name = ""]) => name).filter((name) => !isVariable(name));

export const fill = (text: string, values: Readonly<Record<Variable, string | null>>): string =>
  text.replace(pattern, (whole, name: string) => (isVariable(name) ? (values[name] ?? "") : whole));
