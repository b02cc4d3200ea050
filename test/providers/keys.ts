/** RSA keys for tests, made anew by every run, so that none is ever worth keeping. */
import { generateKeyPairSync } from "node:crypto";

export type KeyPair = { readonly privateKey: string; readonly publicKey: string };

export const newKeyPair = (modulusLength = 2048): KeyPair =>
  generateKeyPairSync("rsa", {
    modulusLength,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });

/** As Alipay's key tool hands it out: base64 without its PEM lines. */
export const bare = (pem: string): string => pem.replaceAll(/-----[^-]+-----|\s/g, "");
