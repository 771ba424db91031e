/** Between what stands on a court's wall (date, time of day) and seconds since 1970, in a named time zone. */

const parts = (at: number, timeZone: string | undefined): Record<string, string> =>
  Object.fromEntries(
    new Intl.DateTimeFormat("en-GB", {
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      ...(timeZone ? { timeZone } : {}),
    })
      .formatToParts(at * 1000)
      .map(({ type, value }) => [type, value]),
  );

/** `2026-11-24`, as date fields have it. */
export function dateIn(at: number, timeZone?: string): string {
  const { year, month, day } = parts(at, timeZone);
  return `${year?.padStart(4, "0")}-${month}-${day}`;
}

/** `09:30`, as time fields have it. */
export function timeIn(at: number, timeZone?: string): string {
  const { hour, minute } = parts(at, timeZone);
  return `${hour}:${minute}`;
}

/** Seconds that the zone is ahead of UTC at a moment. */
function ahead(at: number, timeZone: string | undefined): number {
  const { year, month, day, hour, minute, second } = parts(at, timeZone);
  const shown = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  return shown / 1000 - Math.floor(at);
}

/** The moment, s since 1970, or NaN for what is no date.  A time that a clock change leaves out is read by the clock before it. */
export function momentOf(date: string, time: string, timeZone?: string): number {
  const shown = Date.parse(`${date}T${time}:00Z`) / 1000;
  if (Number.isNaN(shown)) return Number.NaN;
  const first = shown - ahead(shown, timeZone);
  return shown - ahead(first, timeZone);
}

/** A date some days later; dates as in {@link dateIn}. */
export function datePlus(date: string, days: number): string {
  const at = new Date(`${date}T12:00:00Z`);
  at.setUTCDate(at.getUTCDate() + days);
  return at.toISOString().slice(0, 10);
}
