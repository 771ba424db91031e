import { expect, test } from "vitest";
import type { CentreHearing, RecordingTest, TaskRow, TestedWorker } from "../src/lib/generated/desk";
import { counted, doneTasks, isOnRecord, lateBy, openTasks, testSaid } from "../src/staff/centre";

const task = (taskId: string, kind: string, openedAt: number, closedAt: number | null = null) => ({ taskId, kind, openedAt, closedAt }) as TaskRow;
const hearing = (changes: Partial<CentreHearing>) =>
  ({ booking: "confirmed", state: "not_started", record: "idle", scheduledAt: 1000, people: [], tasks: [], ...changes }) as CentreHearing;

test("late is what should have begun, and nothing that is over", () => {
  expect(lateBy(hearing({}), 1030)).toBe(0);
  expect(lateBy(hearing({}), 1090)).toBe(90);
  expect(lateBy(hearing({ state: "in_session" }), 1090)).toBe(0);
  expect(lateBy(hearing({ booking: "cancelled" }), 1090)).toBe(0);
});

test("on record only while the record runs", () => {
  expect(isOnRecord(hearing({ state: "in_session", record: "recording" }))).toBe(true);
  expect(isOnRecord(hearing({ state: "in_session", record: "failed" }))).toBe(false);
});

test("open tasks: what cannot wait first, then the longest open; done ones the last first", () => {
  const day = [hearing({ tasks: [task("a", "self-test-failed", 5), task("b", "duress", 9), task("d", "x", 1, 50)] }), hearing({ tasks: [task("c", "help", 2), task("e", "x", 1, 60)] })];
  expect(openTasks(day).map((each) => each.task.taskId)).toEqual(["b", "c", "a"]);
  expect(doneTasks(day).map((each) => each.task.taskId)).toEqual(["e", "d"]);
});

test("each hearing is counted where it belongs", () => {
  const day = [hearing({}), hearing({ state: "in_session", tasks: [task("a", "help", 1)] }), hearing({ state: "closed" }), hearing({ state: "recess" })];
  const counts = counted(day, 2000);
  expect([counts.help, counts.late, counts.session, counts.waiting, counts.closed].map((list) => list.length)).toEqual([1, 1, 2, 1, 1]);
});

test("the test of the recording: never, under way, good, missed since, failed, or no room for it", () => {
  const worker = (outcome: TestedWorker["outcome"]) => ({ recordingId: outcome, workerId: "w", outcome, step: "play", problem: "", tookS: 7, sound: null }) as TestedWorker;
  const made = (...outcomes: TestedWorker["outcome"][]): RecordingTest => ({ beganAt: 1000, hour: 6, workers: outcomes.map(worker) });
  const said = (test: RecordingTest, now = 2000) => {
    const { tone, kind, good, of, late } = testSaid(test, now);
    return [tone, kind, good, of, late];
  };
  expect(said({ beganAt: null, hour: 6, workers: [] })).toEqual(["look", "never", 0, 0, false]);
  expect(said(made("passed", "running"))).toEqual(["", "running", 1, 2, false]);
  expect(said(made("passed", "skipped", "passed"))).toEqual(["good", "result", 2, 2, false]);
  expect(said(made("passed"), 100_000)).toEqual(["look", "result", 1, 1, true]);
  expect(said({ ...made("passed"), hour: null }, 100_000)).toEqual(["good", "result", 1, 1, false]);
  expect(said(made("failed", "running"))).toEqual(["bad", "running", 0, 2, false]);
  expect(said(made("skipped"))).toEqual(["look", "full", 0, 0, false]);
});
