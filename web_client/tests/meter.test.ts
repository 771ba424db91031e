import { expect, it } from "vitest";
import { stepsOf } from "../src/lib/media/meter";

it("is dark in silence, and full at the loudest", () => {
  expect(stepsOf(-127, 8)).toBe(0);
  expect(stepsOf(-60, 8)).toBe(0);
  expect(stepsOf(-58, 8)).toBe(1);
  expect(stepsOf(-30, 8)).toBe(4);
  expect(stepsOf(0, 8)).toBe(8);
  expect(stepsOf(3, 8)).toBe(8);
});
