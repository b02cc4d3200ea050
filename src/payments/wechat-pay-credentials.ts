/** What WeChat Pay needs to know of a merchant, and by which keys it is known itself. */
import { apiBase, fieldOf, form, optional, publicLike, secretLike, several } from "./credentials.ts";
import { privateKey, publicKey } from "./rsa.ts";

export type PlatformKey = { readonly serial: string; readonly publicKey: string };
export type WechatPayCredentials = {
  readonly appId: string;
  readonly merchantNumber: string;
  readonly merchantSerial: string;
  readonly merchantPrivateKey: string;
  readonly apiV3Keys: readonly string[];
  readonly platformPublicKeys: readonly PlatformKey[];
  readonly appSecret: string | null;
  readonly apiBase: string | null;
};

const platformKey = form("WechatPlatformKey", {
  serial: publicLike(
    "Its serial number, or PUB_KEY_ID_…",
    /^[0-9A-Za-z_]{8,80}$/,
    "must be PUB_KEY_ID_… or a certificate's serial number",
  ),
  publicKey: publicKey("The public key, or the platform certificate, as PEM."),
});
export const wechatPayForm = form("WechatPayAccount", {
  appId: publicLike(
    "The official account's or app's id, bound to the merchant number.",
    /^wx[0-9A-Za-z]{4,30}$/,
    "must be an app id: wx…",
  ),
  merchantNumber: publicLike("The merchant number (mchid).", /^\d{6,12}$/, "must be a merchant number: digits only"),
  merchantSerial: publicLike(
    "The serial number of the merchant's API certificate.",
    /^[0-9A-Za-z]{8,64}$/,
    "must be a certificate's serial number, without colons or spaces",
  ),
  merchantPrivateKey: privateKey("The merchant API certificate's private key (apiclient_key.pem)."),
  apiV3Keys: several(
    secretLike(
      "API v3 keys: the one in use, and a former one while news is still sealed under it.",
      /^[\x21-\x7e]{32}$/,
      "must be 32 characters",
    ),
  ),
  platformPublicKeys: several(fieldOf("Keys that WeChat signs with.", platformKey, ({ serial }) => [serial])),
  appSecret: optional(
    secretLike(
      "The official account's secret. Without it nobody can pay by WeChat inside WeChat.",
      /^[\x21-\x7e]{8,128}$/,
      "must be the account's AppSecret",
    ),
  ),
  apiBase,
});
