/** Times and sizes as the court writes them.  Times are seconds since 1970 on the court's clock, spans are seconds. */
import type { Locale } from "./types";

const formats = new Map<string, Intl.DateTimeFormat>();

function format(locale: Locale, key: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const id = `${locale} ${key}`;
  let made = formats.get(id);
  if (!made) {
    made = new Intl.DateTimeFormat(locale === "en" ? "en-GB" : "zh-CN", { hourCycle: "h23", ...options });
    formats.set(id, made);
  }
  return made;
}

export const clockTime = (at: number, locale: Locale): string =>
  format(locale, "time", { hour: "2-digit", minute: "2-digit" }).format(at * 1000);

export const clockTimeExact = (at: number, locale: Locale): string =>
  format(locale, "exact", { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at * 1000);

export const day = (at: number, locale: Locale): string =>
  format(locale, "day", { day: "numeric", month: "long", year: "numeric" }).format(at * 1000);

export const sameDay = (a: number, b: number): boolean =>
  new Date(a * 1000).toDateString() === new Date(b * 1000).toDateString();

/** `1:12:48`, or `0:07` under an hour if `short`. */
export function stopwatch(seconds: number, short = false): string {
  const whole = Math.max(0, Math.floor(seconds));
  const pair = (n: number) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  return short && h === 0 ? `${m}:${pair(s)}` : `${h}:${pair(m)}:${pair(s)}`;
}

export function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

