import { expect, test } from "vitest";
import { soundSaid } from "../src/lib/room/channel";

test("a channel is said as the archive has it", () => {
  const channel = { storedAt: 100, level: 40, soundAt: 99, late: false };
  expect(soundSaid(channel, 112)).toEqual({ kind: "now" });
  expect(soundSaid(channel, 160)).toEqual({ kind: "ago", seconds: 61 });
  expect(soundSaid({ ...channel, soundAt: null }, 112)).toEqual({ kind: "never" });
  expect(soundSaid({ ...channel, late: true }, 140)).toEqual({ kind: "late", seconds: 40 });
  expect(soundSaid({ ...channel, late: true, storedAt: null }, 140).kind).toBe("late");
});
