/** The frame of every page, and the small parts that several pages show. */
import type { Child } from "hono/jsx";
import { assetPath } from "../assets.ts";
import type { Language } from "../language.ts";
import { style } from "./style.ts";

export type FrameProps = {
  readonly language: Language;
  readonly title: string;
  /** Path of the module that enhances the page; it must work without. */
  readonly script?: string | undefined;
  /** Without JavaScript the page asks again after so many seconds. */
  readonly refreshSeconds?: number | undefined;
  readonly children: Child;
};

export const Frame = ({ language, title, script, refreshSeconds, children }: FrameProps) => (
  <html lang={language}>
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover" />
      <meta name="theme-color" content="#f4f3ee" media="(prefers-color-scheme: light)" />
      <meta name="theme-color" content="#0e1311" media="(prefers-color-scheme: dark)" />
      <meta name="format-detection" content="telephone=no" />
      <title>{title}</title>
      <style dangerouslySetInnerHTML={{ __html: style }} />
      <link rel="icon" href={assetPath("icon")} type="image/svg+xml" />
      {script && <script type="module" src={script} />}
      {refreshSeconds && (
        <noscript>
          <meta http-equiv="refresh" content={String(refreshSeconds)} />
        </noscript>
      )}
    </head>
    <body>{children}</body>
  </html>
);

/** The page as text. Nothing in a page waits, so this takes no time. */
export const render = async (element: string | Promise<string>): Promise<string> => (await element).toString();

/** A text that somebody else wrote: its direction stays inside it. */
export const Foreign = ({ text }: { text: string }) => <bdi>{text}</bdi>;

/** Long amounts are set smaller, so that none breaks on a small phone. */
export const Amount = ({ text }: { text: string }) => (
  <p class={text.length > 14 ? "amount widest" : text.length > 9 ? "amount wide" : "amount"}>{text}</p>
);

const strokes = {
  tick: "M20 33l8 8 16-18",
  clock: "M32 18v14l9 6",
  pause: "M26 24v16M38 24v16",
  cross: "M24 24l16 16M40 24L24 40",
} as const;
export type MarkName = keyof typeof strokes | "ring";

export const Mark = ({ name }: { name: MarkName }) => (
  <svg
    class="mark"
    viewBox="0 0 64 64"
    fill="none"
    stroke="currentColor"
    stroke-width="4"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
  >
    {name === "ring" ? <path d="M32 6a26 26 0 1 1-26 26" /> : <circle cx="32" cy="32" r="26" />}
    {name !== "ring" && <path d={strokes[name]} />}
  </svg>
);
