/** The deployment's settings, checked. A setting that must not be used is refused here, before any door opens. */
import { limits } from "./core/limits.ts";
import { keysOf, type Keys } from "./keys/root.ts";

export type Config = {
  readonly keys: Keys;
  readonly adminToken: string;
  /** Scheme and host that code URLs begin with; null: those of the request. */
  readonly publicOrigin: string | null;
  readonly local: boolean;
  readonly allowPrivateWebhooks: boolean;
};

/** Values that ship in `.dev.vars.example` begin like this: anybody knows them. */
const isExample = (secret: string): boolean => /^(?:example|local)-/.test(secret);

const configs = new WeakMap<Env, Config | string>();

/** The settings, or why this deployment must not serve. Computed once per isolate. */
export function configOf(env: Env): Config | string {
  const known = configs.get(env);
  if (known !== undefined) return known;
  const config = check(env);
  configs.set(env, config);
  return config;
}

function check(env: Env): Config | string {
  const local = env.LOCAL_MODE === "1";
  if (!env.ROOT_SECRET || !env.ADMIN_TOKEN) return "ROOT_SECRET and ADMIN_TOKEN must be set: see docs/operations.md";
  if (env.ROOT_SECRET.length < limits.rootSecretLengthMin)
    return `ROOT_SECRET must have at least ${limits.rootSecretLengthMin} characters: see docs/operations.md`;
  if (!local && (isExample(env.ROOT_SECRET) || isExample(env.ADMIN_TOKEN)))
    return "This deployment still uses an example secret: see docs/operations.md";
  if (!local && env.WEBHOOK_ALLOW_PRIVATE === "1") return "WEBHOOK_ALLOW_PRIVATE is for local mode only";
  return {
    keys: keysOf(env.ROOT_SECRET),
    adminToken: env.ADMIN_TOKEN,
    publicOrigin: env.PUBLIC_ORIGIN ? env.PUBLIC_ORIGIN.replace(/\/+$/, "") : null,
    local,
    allowPrivateWebhooks: env.WEBHOOK_ALLOW_PRIVATE === "1",
  };
}
