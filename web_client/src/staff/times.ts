/** Times on the staff's pages stand in the court's time zone where it is known, else in that of this device. */
import { prefs } from "../lib/prefs.svelte";

const formats = new Map<string, Intl.DateTimeFormat>();

function format(options: Intl.DateTimeFormatOptions, timeZone: string | undefined): Intl.DateTimeFormat {
  const language = prefs.locale === "en" ? "en-GB" : "zh-CN";
  const key = `${language} ${timeZone ?? ""} ${JSON.stringify(options)}`;
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(language, { hourCycle: "h23", ...options, ...(timeZone ? { timeZone } : {}) });
    formats.set(key, made);
  }
  return made;
}

/** `11:21` */
export const courtClock = (at: number, timeZone?: string): string =>
  format({ hour: "2-digit", minute: "2-digit" }, timeZone).format(at * 1000);

/** `Tuesday 24 November 2026` */
export const courtDay = (at: number, timeZone?: string): string =>
  format({ weekday: "long", day: "numeric", month: "long", year: "numeric" }, timeZone).format(at * 1000);

/** `24 November 2026` */
export const courtDate = (at: number, timeZone?: string): string =>
  format({ day: "numeric", month: "long", year: "numeric" }, timeZone).format(at * 1000);

/** A day as the API writes it, `2026-11-24`, in the reader's words; it is a day of no time zone. */
export const writtenDay = (day: string): string => courtDate(Date.parse(`${day}T00:00:00Z`) / 1000, "UTC");

/** `24 November 2026, 11:21` */
export const courtMoment = (at: number, timeZone?: string): string =>
  prefs.locale === "en"
    ? `${courtDate(at, timeZone)}, ${courtClock(at, timeZone)}`
    : `${courtDate(at, timeZone)} ${courtClock(at, timeZone)}`;
