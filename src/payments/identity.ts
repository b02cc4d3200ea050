/** How a person's phone and address are written down, so that the same person is the same customer however they were typed. */

/** Digits with an optional leading plus, as E.164 has it; null when it is no phone number. */
export function normalisePhone(text: string): string | null {
  const digits = text.replace(/[\s().\-\u2010-\u2015]/g, "").replace(/^00/, "+");
  return /^\+?[0-9]{5,15}$/.test(digits) ? digits : null;
}

/** Lower case; null when it is no address. RFC 5321 allows capitals to matter before the @, and no mail provider lets them. */
export function normaliseEmail(text: string): string | null {
  const address = text.trim().toLowerCase();
  return address.length <= 254 && /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(address) ? address : null;
}
