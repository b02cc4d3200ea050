/** Days and hours as a merchant's own clock shows them. */
import type { TimeWindow, Weekday } from "./definition.ts";
import { limits } from "./limits.ts";
import { Recent } from "./recent.ts";

export type LocalTime = { readonly date: string; readonly weekday: Weekday; readonly minute: number };

/** Making one costs far more than using it. */
const formatters = new Recent<Intl.DateTimeFormat>(limits.formattersKeptMax);
const formatterOf = (timeZone: string): Intl.DateTimeFormat =>
  formatters.of(
    timeZone,
    () =>
      new Intl.DateTimeFormat("en-US", {
        timeZone,
        hourCycle: "h23",
        year: "numeric",
        month: "2-digit",
        day: "2-digit",
        weekday: "short",
        hour: "2-digit",
        minute: "2-digit",
      }),
  );

export function localTimeOf(at: number, timeZone: string): LocalTime {
  const parts = new Map(
    formatterOf(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? "";
  return {
    date: `${part("year")}-${part("month")}-${part("day")}`,
    weekday: part("weekday").toUpperCase() as Weekday,
    minute: Number(part("hour")) * minutesPerHour + Number(part("minute")),
  };
}

const minutesPerHour = 60;
const minutesPerDay = 24 * minutesPerHour;
const minuteMs = 60_000;
const minuteOf = (time: string): number => {
  const [hours = "0", minutes = "0"] = time.split(":");
  return Number(hours) * minutesPerHour + Number(minutes);
};

/** From `from` on, and before `until`. A window over midnight belongs to the day on which a moment of it lies. */
export function isWithinWindow({ from, until, days }: TimeWindow, at: number, timeZone: string): boolean {
  const { weekday, minute } = localTimeOf(at, timeZone);
  if (days && !days.includes(weekday)) return false;
  const begins = from === undefined ? 0 : minuteOf(from);
  const ends = until === undefined ? minutesPerDay : minuteOf(until);
  return begins < ends ? minute >= begins && minute < ends : minute >= begins || minute < ends;
}

/** The next moment at which a window may be open; now when it is. Clocks that are put forward or back are met by asking again then. */
export function opensAt(window: TimeWindow, at: number, timeZone: string): number {
  if (isWithinWindow(window, at, timeZone)) return at;
  const { minute } = localTimeOf(at, timeZone);
  const begins = [window.from === undefined ? 0 : minuteOf(window.from), 0];
  const waits = begins.map((start) => (start - minute + minutesPerDay) % minutesPerDay || minutesPerDay);
  return Math.floor(at / minuteMs) * minuteMs + Math.min(...waits) * minuteMs;
}
