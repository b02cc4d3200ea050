import { builder } from "./builder.ts";

/** An enum whose every value says what it means. The core's own words are the graph's. */
export const describedEnum = <Value extends string>(
  name: string,
  description: string,
  values: Readonly<Record<Value, string>>,
) =>
  builder.enumType(name, {
    description,
    values: Object.fromEntries(
      Object.entries<string>(values).map(([value, meaning]) => [value, { value, description: meaning }]),
    ) as { [V in Value]: { value: V; description: string } },
  });
