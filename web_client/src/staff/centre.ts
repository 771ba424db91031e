/** What the command centre makes of the court's day: pure functions of what the server told. */
import type { CentreHearing, CentrePerson, RecordingTest, TaskRow, TestedWorker } from "../lib/generated/desk";
import type { IconName } from "../components/Icon.svelte";

/** A hearing that has not begun so long after its time is late, s. */
export const LATE_AFTER_S = 60;

/** What cannot wait: it is red, and stands first. */
const URGENT = ["duress", "judge-disconnected", "record-trouble", "media-blocked", "suspended"];

export type Tone = "" | "good" | "look" | "bad" | "later";

export const isOpen = (task: TaskRow): boolean => task.closedAt === null;
/** A task's kind as the words know it; the law writes it with underscores. */
export const kindOf = (task: TaskRow): string => task.kind.replaceAll("_", "-");
export const isUrgent = (task: TaskRow): boolean => URGENT.includes(kindOf(task));
export const isOver = (hearing: CentreHearing): boolean =>
  hearing.state === "closed" || hearing.booking === "cancelled" || hearing.booking === "converted_offline";
export const isRunning = (hearing: CentreHearing): boolean => !isOver(hearing) && hearing.state !== "not_started" && hearing.state !== "countdown";
export const isOnRecord = (hearing: CentreHearing): boolean =>
  hearing.state === "in_session" && (hearing.record === "recording" || hearing.record === "degraded");

/** How long a hearing should have begun, s; 0 if it is not late. */
export function lateBy(hearing: CentreHearing, now: number): number {
  const waits = !isOver(hearing) && hearing.state === "not_started";
  const late = now - hearing.scheduledAt;
  return waits && late > LATE_AFTER_S ? late : 0;
}

export interface OpenTask {
  task: TaskRow;
  hearing: CentreHearing;
}

/** Every open task of the day: what cannot wait first, then the longest open. */
export function openTasks(hearings: CentreHearing[]): OpenTask[] {
  const open = hearings.flatMap((hearing) => hearing.tasks.filter(isOpen).map((task) => ({ task, hearing })));
  return open.sort((a, b) => Number(isUrgent(b.task)) - Number(isUrgent(a.task)) || a.task.openedAt - b.task.openedAt);
}

/** Done tasks, the last one first. */
export function doneTasks(hearings: CentreHearing[]): OpenTask[] {
  const done = hearings.flatMap((hearing) => hearing.tasks.filter((task) => !isOpen(task)).map((task) => ({ task, hearing })));
  return done.sort((a, b) => (b.task.closedAt ?? 0) - (a.task.closedAt ?? 0));
}

/** People who are there or on their way in. */
export const present = (hearing: CentreHearing): CentrePerson[] =>
  hearing.people.filter((person) => ["checking", "waiting", "in_hearing", "in_consultation", "in_deliberation"].includes(person.presence));

export function presenceMark(person: CentrePerson): [tone: Tone, icon: IconName] {
  switch (person.presence) {
    case "in_hearing":
    case "in_consultation":
    case "in_deliberation":
      return ["good", "check"];
    case "waiting":
      return ["", "clock"];
    case "checking":
      return ["", "camera"];
    case "away":
    case "disconnected":
      return ["bad", "warn"];
    case "removed":
      return ["later", "dismiss"];
    default:
      return ["later", "lampOff"];
  }
}

export interface Counts {
  help: CentreHearing[];
  late: CentreHearing[];
  session: CentreHearing[];
  waiting: CentreHearing[];
  closed: CentreHearing[];
}

export function counted(hearings: CentreHearing[], now: number): Counts {
  return {
    help: hearings.filter((hearing) => !isOver(hearing) && hearing.tasks.some(isOpen)),
    late: hearings.filter((hearing) => lateBy(hearing, now) > 0),
    session: hearings.filter(isRunning),
    waiting: hearings.filter((hearing) => !isOver(hearing) && !isRunning(hearing)),
    closed: hearings.filter(isOver),
  };
}

export const COUNTED = ["help", "late", "session", "waiting", "closed"] as const;

/** A record of which nothing reached the archive for so long is told in amber, s. */
export const ARCHIVE_LATE_S = 60;

/** A daily test that is older than this was missed, s. */
export const TEST_LATE_S = 26 * 3600;

export interface TestSaid {
  tone: Tone;
  kind: "never" | "running" | "full" | "result";
  /** Workers that were tested, and those of them that are good. */
  of: number;
  good: number;
  /** There should have been one since. */
  late: boolean;
  running: TestedWorker | null;
}

/** What is said of the last test recording at `now` (s since 1970 on the court's clock). */
export function testSaid(test: RecordingTest, now: number): TestSaid {
  const tested = test.workers.filter((worker) => worker.outcome !== "skipped");
  const good = tested.filter((worker) => worker.outcome === "passed").length;
  const running = tested.find((worker) => worker.outcome === "running") ?? null;
  const late = test.hour !== null && test.beganAt !== null && now - test.beganAt > TEST_LATE_S;
  const kind = test.beganAt === null ? "never" : running ? "running" : tested.length === 0 ? "full" : "result";
  const failed = tested.some((worker) => worker.outcome === "failed");
  const tone = failed ? "bad" : kind === "running" ? "" : kind !== "result" || late ? "look" : "good";
  return { tone, kind, of: tested.length, good, late, running };
}
