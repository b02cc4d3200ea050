/**
 * How the pretend wallet misbehaves under a seed. Pure: the same seed and name give the same whims, whenever and however often they are asked
 * for. However badly it behaves, all money it takes can be found: by asking, or because the wallet tells of it until it is heard.
 */
import { createHash } from "node:crypto";
import { limits } from "../core/limits.ts";

/** Copies of one notification that are sent at once, so long after what they tell of. */
export type Telling = { readonly copies: number; readonly delayMs: number };
export type Whims = {
  /** How much of what is asked for the payer pays, in percent. */
  readonly percent: number;
  /** How long after the payer's decision the money moves, whatever became of the payment meanwhile. */
  readonly lateMs: number;
  /** How long after the first the same money is taken once more, as another transaction; null: not at all. */
  readonly againAfterMs: number | null;
  /** Whether it also says that the payment failed, and if so whether before or after the money moved. */
  readonly failure: "NONE" | "BEFORE" | "AFTER";
  /** How far its clock is off. Beyond the window of a signature nothing that it tells is believed. */
  readonly skewMs: number;
  /** How it tells of the first transaction. None: the notification gets lost. */
  readonly tellings: readonly Telling[];
};

const second = 1000;
/** The part of the window that is surely inside it, however long a notification travels. */
const heardSkewMs = limits.notificationSkewMs - 60 * second;

/** `seed` may end in `#name`: whims are then drawn from that name in place of the payment's id, which is another in every run. */
export function whimsOf(seed: string, id: string): Whims {
  const at = seed.indexOf("#");
  const drawn = at === -1 ? [seed, id] : [seed.slice(0, at), seed.slice(at)];
  /** From 0 up to 1. Each question has its own answer, so that a new one changes no other. */
  const draw = (question: string): number =>
    createHash("sha256")
      .update(JSON.stringify([...drawn, question]))
      .digest()
      .readUInt32BE(0) /
    2 ** 32;
  const between = (question: string, min: number, max: number): number =>
    Math.floor(min + draw(question) * (max - min + 1));
  const happens = (question: string, percent: number): boolean => draw(question) * 100 < percent;

  const direction = happens("behind", 50) ? -1 : 1;
  // A clock this far off makes the wallet mute: its money must be there to be asked for, so it takes none late and none twice.
  const mute = happens("mute", 10);
  const offMs = mute
    ? between("mute by", limits.notificationSkewMs + 2 * second, 3600 * second)
    : happens("skew", 25)
      ? between("skew by", 10 * second, heardSkewMs)
      : 0;
  const lateMs = !mute && happens("late", 12) ? between("late by", second, 8 * second) : 0;
  const againAfterMs = !mute && happens("again", 10) ? between("again after", 0, 8 * second) : null;
  const tellings = [
    { copies: between("copies", 1, 4), delayMs: happens("delayed", 40) ? between("delay", 100, 6 * second) : 0 },
    ...(happens("straggler", 20)
      ? [{ copies: 1, delayMs: between("straggler's delay", 4 * second, 12 * second) }]
      : []),
  ];
  return {
    percent: happens("other amount", 20)
      ? happens("too little", 50)
        ? between("less", 30, 90)
        : between("more", 110, 150)
      : 100,
    lateMs,
    againAfterMs,
    failure: happens("failure", 16) ? (happens("failed first", 50) ? "BEFORE" : "AFTER") : "NONE",
    skewMs: direction * offMs,
    // Nobody asks any more about a payment that was closed before its money moved, nor about one of which other money was told.
    tellings: lateMs === 0 && againAfterMs === null && happens("lost", 20) ? [] : tellings,
  };
}
