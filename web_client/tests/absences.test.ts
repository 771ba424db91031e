import { describe, expect, it } from "vitest";
import { Absences } from "../src/verifier/absences";

const S = 1_000_000;
/** The same as tests/unit/recording/test_absences.py: what is withheld is from 100 to 110 s. */
const absences = (...writers: [string, number, number][]): Absences =>
  new Absences(
    { writers: writers.map(([writer, start, end]) => ({ writer, startUs: start * S, endUs: end * S })), interruptions: [] } as never,
    { spans: [{ startUs: 100 * S, endUs: 110 * S }] } as never,
  );
const present = (found: Absences, writer: string, start: number, end: number): void => {
  for (let second = start; second < end; second += 1) found.here(writer, second * S, second * S + S);
};
const cut = (found: Absences, until: number): void => {
  present(found, "w.1", 50, 99);
  found.absent("w.1", "x");
  present(found, "w.1", until, 300);
};

describe("what is absent", () => {
  it.each<[number, string[]]>([[120, []], [200, ["x"]]])("is a chunk beside the span and no minute: until %d", (until, named) => {
    const found = absences(["w.1", 50, 300]);
    cut(found, until);
    expect(found.finish()).toEqual(named);
  });
  it.each<[number, number, string[]]>([[108, 200, []], [108, 150, ["x"]], [150, 200, ["x"]]])("while the room was elsewhere from %d to %d", (start, end, named) => {
    const found = absences(["w.1", 50, 300], ["w.2", start, end]);
    cut(found, 200);
    present(found, "w.2", start, end);
    expect(found.finish()).toEqual(named);
  });
  it.each<[number, number, string[]]>([[106, 200, []], [106, 150, ["x"]], [200, 106, ["x"]]])("while the disk took nothing from %d to %d", (start, end, named) => {
    const found = absences(["w.1", 50, 300]);
    present(found, "w.1", 50, 99);
    found.absent("w.1", "x");
    expect(found.here("w.1", 200 * S, 201 * S)).toBe(true);
    found.lost("w.1", start * S, end * S);
    expect(found.here("w.1", 210 * S, 211 * S)).toBe(false);
    expect(found.finish()).toEqual(named);
  });
});
