import { expect, it } from "vitest";
import { correction, EASE_S, JUMP_S, tickStep, wavePath } from "../src/archive/sync";

it("leaves an element alone that is in step", () => {
  expect(correction(10, 10 + EASE_S / 2, 1)).toEqual({ rate: 1 });
});

it("bends the speed of one that is a little off, towards the master clock", () => {
  expect(correction(10, 9.9, 1)).toEqual({ rate: 1.08 });
  const fast = correction(10, 10.05, 2) as { rate: number };
  expect(fast.rate).toBeCloseTo(1.9, 5);
});

it("moves one that is far off", () => {
  expect(correction(10, 10 - JUMP_S - 0.01, 1)).toEqual({ seek: 10 });
  expect(correction(10, 20, 1.5)).toEqual({ seek: 10 });
});

it("brings an element back within 80 ms in two seconds of beats", () => {
  let want = 100;
  let have = 100.25;
  for (let beat = 0; beat < 40; beat++) {
    const step = correction(want, have, 1);
    const rate = "rate" in step ? step.rate : 1;
    if ("seek" in step) have = step.seek;
    want += 0.1;
    have += 0.1 * rate;
  }
  expect(Math.abs(want - have)).toBeLessThan(0.08);
});

it("chooses round ticks", () => {
  expect(tickStep(30, 12)).toBe(5);
  expect(tickStep(4500, 12)).toBe(600);
  expect(tickStep(36_000, 12)).toBe(3600);
});

it("keeps the loudest peak of each column", () => {
  expect(wavePath([0, 100, 0, 0], 2)).toBe("M0.5 0V100M1.5 48V52");
  expect(wavePath([], 100)).toBe("");
});
