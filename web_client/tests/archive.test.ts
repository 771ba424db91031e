import { describe, expect, it } from "vitest";
import { holds, marked, wordsOf } from "../src/archive/marks";
import { placeOf, Selection } from "../src/archive/selection.svelte";
import { turnFrom, turnsOf } from "../src/archive/speakers";
import type { TrackRow } from "../src/lib/generated/api";

const track = (personId: string, offsetS: number, peaks: number[]): TrackRow => ({
  personId, name: personId, nameZh: "", role: "witness", source: "person", url: personId, fileName: "", mediaType: "video/webm", bytes: 1,
  hasAudio: true, hasVideo: true, offsetS, durationS: peaks.length / 10, peaks, peaksPeriodS: 0.1,
});
const sound = (...spans: [seconds: number, peak: number][]): number[] => spans.flatMap(([seconds, peak]) => Array<number>(seconds * 10).fill(peak));

describe("who spoke when", () => {
  it("gives a turn to the loudest, over pauses and coughs", () => {
    const judge = track("judge", 0, sound([4, 60], [1, 0], [3, 50], [12, 0]));
    const claimant = track("claimant", 8, sound([1, 2], [6, 40], [5, 0]));
    expect(turnsOf([judge, claimant], 20)).toEqual([
      { personId: "judge", from: 0, to: 8 },
      { personId: "claimant", from: 9, to: 15 },
    ]);
  });
  it("finds no turn in silence, and none in half a second", () => {
    expect(turnsOf([track("a", 0, sound([10, 3]))], 10)).toEqual([]);
    expect(turnsOf([track("a", 0, [...sound([2, 0]), 90, 90, ...sound([5, 0])])], 7)).toEqual([]);
  });
  it("goes to the next and the one before, of all or of one", () => {
    const turns = [{ personId: "a", from: 1, to: 4 }, { personId: "b", from: 5, to: 7 }, { personId: "a", from: 8, to: 9 }];
    expect(turnFrom(turns, 1, 1)).toBe(turns[1]);
    expect(turnFrom(turns, 1, 1, "a")).toBe(turns[2]);
    expect(turnFrom(turns, 6.5, -1)).toBe(turns[1]);
    expect(turnFrom(turns, 5.5, -1)).toBe(turns[0]);
    expect(turnFrom(turns, 9, 1)).toBeUndefined();
  });
});

describe("words that were found", () => {
  it("marks whole words by their beginning, and Chinese anywhere", () => {
    expect(marked("Two Crates, 买卖合同 and concrete", ["crate", "合同"]).filter((part) => part.hit).map((part) => part.text)).toEqual(["Crates", "合同"]);
    expect(marked("nothing", ["crate"])).toEqual([{ text: "nothing", hit: false }]);
    expect(marked("a.b", [".b"]).some((part) => part.text === ".b" && part.hit)).toBe(false);
  });
  it("asks for every word", () => {
    expect(wordsOf(" Müller 照片! ")).toEqual(["muller", "照片"]);
    expect(holds("Photographs of the crate", ["crate", "photo"])).toBe(true);
    expect(holds("Photographs", ["crate", "photo"])).toBe(false);
    expect(holds("anything", [])).toBe(true);
  });
});

describe("the part that was chosen", () => {
  it("keeps its ends in order and inside", () => {
    const part = new Selection(60);
    expect(part.whole).toBeNull();
    part.set(70, -5);
    expect(part.whole).toEqual({ from: 0, to: 60 });
    part.begin(20);
    part.end(10);
    expect(part.whole).toEqual({ from: 0, to: 10 });
    part.begin(30);
    expect(part.whole).toEqual({ from: 30, to: 60 });
    part.clear();
    expect(part.whole).toBeNull();
  });
  it("reads the court's clock, over midnight too", () => {
    const started = new Date(2026, 10, 24, 23, 59, 30).getTime() / 1000;
    expect(placeOf("23:59:40", started, 120)).toBe(10);
    expect(placeOf("00:00:10.5", started, 120)).toBe(40.5);
    expect(placeOf("12:00", started, 120)).toBeNull();
    expect(placeOf("25:00:00", started, 120)).toBeNull();
    expect(placeOf("soon", started, 120)).toBeNull();
  });
});
