import { expect, it } from "vitest";
import type { RecordView } from "../src/lib/generated/api";
import { recordCell } from "../src/lib/room/record-cell";

const NOW = 10_000;
const record = (state: RecordView["state"], age: number | null): RecordView => ({
  state,
  tracks: 6,
  sealedAt: age === null ? null : NOW - age,
  fault: null,
  offRecord: "",
  fallback: "",
  incident: false, root: "", rootAt: null, failedStarts: 0,
});

it("never says on record before the first seal", () => {
  for (const state of ["idle", "arming", "recording", "degraded"] as const) {
    expect(recordCell(record(state, null), "countdown", NOW, null).kind).toBe("starting");
  }
  expect(recordCell(record("idle", null), "not_started", NOW, null).kind).toBe("idle");
});

it("counts from the last seal: bold past 15 s, amber past 30 s", () => {
  expect(recordCell(record("recording", 4.9), "in_session", NOW, null)).toEqual({ kind: "on", seconds: 4, late: false });
  expect(recordCell(record("recording", 15), "in_session", NOW, null)).toMatchObject({ kind: "on", late: false });
  expect(recordCell(record("recording", 16), "in_session", NOW, null)).toMatchObject({ kind: "on", late: true });
  expect(recordCell(record("recording", 30), "in_session", NOW, null)).toMatchObject({ kind: "on", late: true });
  expect(recordCell(record("recording", 31), "in_session", NOW, null)).toEqual({ kind: "overdue", seconds: 31 });
});

it("does not count below zero if the clocks differ a little", () => {
  expect(recordCell(record("recording", -0.4), "in_session", NOW, null)).toMatchObject({ kind: "on", seconds: 0 });
});

it("says what is wrong and what is over", () => {
  expect(recordCell(record("degraded", 2), "in_session", NOW, null).kind).toBe("degraded");
  expect(recordCell(record("degraded", 40), "in_session", NOW, null).kind).toBe("overdue");
  expect(recordCell(record("failed", 90), "in_session", NOW, null)).toEqual({ kind: "failed", sealedAt: NOW - 90 });
  expect(recordCell(record("finalizing", 1), "closed", NOW, null).kind).toBe("sealing");
  expect(recordCell({ ...record("finalizing", 1), incident: true }, "closed", NOW, null).kind).toBe("stating");
  expect(recordCell(record("sealed", 1), "closed", NOW, null).kind).toBe("sealed");
});

it("says nothing about a record that the page cannot hear of", () => {
  expect(recordCell(record("recording", 40), "in_session", NOW, NOW - 39)).toEqual({ kind: "unknown", heardAt: NOW - 39 });
  expect(recordCell(record("sealed", 40), "closed", NOW, NOW - 39).kind).toBe("sealed");
});
