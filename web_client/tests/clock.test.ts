import { expect, it } from "vitest";
import { CourtClock } from "../src/lib/clock";

it("trusts the shortest round trip", () => {
  const clock = new CourtClock();
  expect(clock.known).toBe(false);
  clock.add(1000, 3000, 102.9); // slow: the answer was late on its way back
  clock.add(5000, 5020, 105.01);
  clock.add(7000, 8000, 107.9);
  expect(clock.known).toBe(true);
  expect(clock.at(9000)).toBeCloseTo(109, 3);
});

it("forgets old samples, so that a clock that was set is followed", () => {
  const clock = new CourtClock();
  clock.add(0, 1, 100);
  for (let i = 1; i <= 8; i++) clock.add(i * 1000, i * 1000 + 50, 500 + i);
  expect(clock.offset).toBeCloseTo(500, 1);
});

it("ignores an answer from before its question", () => {
  const clock = new CourtClock();
  clock.add(10, 5, 100);
  expect(clock.known).toBe(false);
});
