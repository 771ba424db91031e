import { expect, test } from "vitest";
import { dateIn, datePlus, momentOf, timeIn } from "../src/lib/zone";

test.each([
  ["2026-11-24", "09:30", "Europe/London", "2026-11-24T09:30:00Z"],
  ["2026-07-01", "09:30", "Europe/London", "2026-07-01T08:30:00Z"],
  ["2026-11-24", "09:30", "Asia/Shanghai", "2026-11-24T01:30:00Z"],
  ["2026-11-24", "00:05", "Asia/Shanghai", "2026-11-23T16:05:00Z"],
  ["2026-03-29", "03:30", "Europe/Berlin", "2026-03-29T01:30:00Z"],
  ["2026-11-24", "09:30", "America/St_Johns", "2026-11-24T13:00:00Z"],
])("%s %s in %s", (date, time, zone, utc) => {
  const at = Date.parse(utc) / 1000;
  expect(momentOf(date, time, zone)).toBe(at);
  expect([dateIn(at, zone), timeIn(at, zone)]).toEqual([date, time]);
});

test("what is no date is no moment", () => {
  expect(momentOf("", "09:30", "Europe/London")).toBeNaN();
  expect(momentOf("2026-02-31x", "09:30")).toBeNaN();
});

test("days go over the ends of months", () => {
  expect(datePlus("2026-11-30", 1)).toBe("2026-12-01");
  expect(datePlus("2026-01-01", -1)).toBe("2025-12-31");
});
