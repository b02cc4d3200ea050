/** What Alipay needs to know of an application, and by which keys it is known itself. */
import { apiBase, form, publicLike, several } from "./credentials.ts";
import { privateKey, publicKey } from "./rsa.ts";

export type AlipayCredentials = {
  readonly appId: string;
  readonly sellerId: string;
  readonly appPrivateKey: string;
  readonly alipayPublicKey: string;
  readonly otherAlipayPublicKeys: readonly string[];
  readonly apiBase: string | null;
};

export const alipayForm = form("AlipayAccount", {
  appId: publicLike("The application's APPID.", /^\d{10,20}$/, "must be an APPID: digits only"),
  sellerId: publicLike("The seller's PID.", /^2088\d{12}$/, "must be a PID: 2088 and 12 more digits"),
  appPrivateKey: privateKey("The application's private key, as PEM or as Alipay's key tool gives it."),
  alipayPublicKey: publicKey("Alipay's public key for this application (not the application's own)."),
  otherAlipayPublicKeys: several(publicKey("Believed beside it while it is changed."), 0),
  apiBase,
});
