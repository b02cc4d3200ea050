/**
 * The form of a provider's credentials, declared once: what the graph asks for, what is checked the moment a merchant enters it, what may be
 * shown of it afterwards, and how a key is added beside the one it replaces.
 */
import { createHash } from "node:crypto";
import { limits } from "../core/limits.ts";
import { isMap, type JsonMap } from "./json.ts";

/** Where a value is wrong, below the form, and how. */
export type CredentialIssue = { readonly path: readonly string[]; readonly message: string };
type Fail = (message: string, ...path: string[]) => void;

export type Field<T> = {
  readonly about: string;
  readonly kind: "TEXT" | "URL" | Form<unknown>;
  readonly needed: boolean;
  readonly many: boolean;
  /** The value as it is kept. What it returns after a failure is never used. */
  read(value: unknown, fail: Fail): T;
  /** What may be shown of it, to tell it from others; nothing of what is no secret. */
  shown(value: T): readonly string[];
};
export type Form<T> = {
  /** What it is called where it is one of several inputs, such as `StripeAccount`. */
  readonly typeName: string;
  readonly fields: Readonly<Record<string, Field<unknown>>>;
  read(value: unknown, fail: Fail): T;
  shown(value: T): readonly string[];
};
type ValueOf<F> = F extends Field<infer T> ? T : never;

const fingerprint = (secret: string): string =>
  `sha256:${createHash("sha256").update(secret).digest("hex").slice(0, 8)}`;

type TextRule = {
  /** Says what is wrong with a text; null when nothing is. */
  readonly fault: (text: string) => string | null;
  readonly secret: boolean;
  readonly kind?: "TEXT" | "URL";
};

export const text = (about: string, { fault, secret, kind = "TEXT" }: TextRule): Field<string> => ({
  about,
  kind,
  needed: true,
  many: false,
  read(value, fail) {
    if (typeof value !== "string" || value === "") fail("must not be empty");
    else if (value.length > limits.credentialLengthMax)
      fail(`must have at most ${limits.credentialLengthMax} characters`);
    else {
      const wrong = fault(value);
      if (wrong !== null) fail(wrong);
    }
    return String(value);
  },
  shown: (value) => (secret ? [fingerprint(value)] : []),
});

/** A text of a known look. `such` says it in words. */
export const secretLike = (about: string, pattern: RegExp, such: string): Field<string> =>
  text(about, { fault: (value) => (pattern.test(value) ? null : such), secret: true });
export const publicLike = (about: string, pattern: RegExp, such: string): Field<string> =>
  text(about, { fault: (value) => (pattern.test(value) ? null : such), secret: false });

/**
 * Another address for the provider's API, so that a developer can put a pretend one there. Whoever could set it anywhere else would be sent
 * the account's requests, so it leads to this machine only, and the verb refuses it outside local mode.
 */
export const apiBase: Field<string | null> = optional(
  text("Another address of the API: on this machine, and in local mode only.", {
    fault: (value) => (isLoopback(value) ? null : "must be an address of this machine, such as http://127.0.0.1:4242"),
    secret: false,
    kind: "URL",
  }),
);

export function isLoopback(url: string): boolean {
  const { protocol, hostname, username, password } = URL.parse(url) ?? {};
  const here = hostname === "127.0.0.1" || hostname === "localhost" || hostname === "[::1]";
  return here && (protocol === "http:" || protocol === "https:") && username === "" && password === "";
}

export function optional<T>(field: Field<T>): Field<T | null> {
  return {
    ...field,
    needed: false,
    read: (value, fail) => (value === null || value === undefined ? null : field.read(value, fail)),
    shown: (value) => (value === null ? [] : field.shown(value)),
  };
}

/** As many as are in use, so that the old one still holds while the new one spreads. */
export const several = <T>(field: Field<T>, min: 0 | 1 = 1): Field<readonly T[]> => ({
  ...field,
  needed: min > 0,
  many: true,
  read(value, fail) {
    const values: readonly unknown[] = Array.isArray(value) ? value : [];
    if (values.length < min) fail("must name at least one");
    if (values.length > limits.credentialKeysMax) {
      fail(`must name at most ${limits.credentialKeysMax}: remove one that is no longer used`);
      return [];
    }
    return values.map((one, index) => field.read(one, (message, ...path) => fail(message, String(index), ...path)));
  },
  shown: (values) => values.flatMap((value) => field.shown(value)),
});

export function form<F extends Readonly<Record<string, Field<unknown>>>>(
  typeName: string,
  declared: F,
): Form<{ readonly [K in keyof F]: ValueOf<F[K]> }> {
  const fields: Readonly<Record<string, Field<unknown>>> = declared;
  return {
    typeName,
    fields,
    read(value, fail) {
      if (!isMap(value)) fail("must be the fields of an account");
      const given: JsonMap = isMap(value) ? value : {};
      const entries = Object.entries(fields).map(([name, field]) => [
        name,
        field.read(given[name], (message, ...path) => fail(message, name, ...path)),
      ]);
      return Object.fromEntries(entries) as { readonly [K in keyof F]: ValueOf<F[K]> };
    },
    shown: (value) =>
      Object.entries(fields).flatMap(([name, field]) =>
        field.shown((value as Readonly<Record<string, unknown>>)[name]),
      ),
  };
}

/** A form as the value of a field. */
export const fieldOf = <T>(about: string, kind: Form<T>, shown: (value: T) => readonly string[]): Field<T> => ({
  about,
  kind,
  needed: true,
  many: false,
  read: (value, fail) => kind.read(value, fail),
  shown,
});

/** What each port says of its credentials. */
export const credentialsOf = <T>(declared: Form<T>) => ({
  form: declared,
  read(credentials: unknown): T | null {
    const issues: CredentialIssue[] = [];
    const value = declared.read(credentials, (message, ...path) => void issues.push({ path, message }));
    return issues.length === 0 ? value : null;
  },
  issues(credentials: unknown): readonly CredentialIssue[] {
    const issues: CredentialIssue[] = [];
    declared.read(credentials, (message, ...path) => void issues.push({ path, message }));
    return issues;
  },
  fingerprints: (credentials: T): readonly string[] => declared.shown(credentials),
});

/**
 * Credentials after a change: what is one is replaced, or taken away with null where an account can do without; what may be several is added to; and
 * what is to be forgotten goes. Whether enough is left is for the form to say.
 */
export function changed(
  { fields }: Form<unknown>,
  credentials: JsonMap,
  changes: JsonMap,
  forgotten: ReadonlySet<string>,
): JsonMap {
  const after = Object.entries(fields).map(([name, field]) => {
    const current = credentials[name];
    const given = changes[name];
    const isForgotten = (value: unknown): boolean => field.shown(value).some((shown) => forgotten.has(shown));
    if (!field.many) {
      const stays = given === undefined || (given === null && field.needed);
      return [name, !stays ? given : isForgotten(current) ? null : current];
    }
    const kept = (current as readonly unknown[]).filter((one) => !isForgotten([one]));
    const added = Array.isArray(given) ? (given as readonly unknown[]) : [];
    // The same key twice is one key.
    return [name, [...new Map([...kept, ...added].map((one) => [JSON.stringify(one), one])).values()]];
  });
  return Object.fromEntries(after) as JsonMap;
}
