/** What the record cell of the strip may say: client-style §4.  Never ON RECORD before the first seal. */
import type { RecordView } from "../generated/api";
import type { SittingState } from "../types";

/** Past this the number of seconds turns bold; past the next the cell turns amber. */
export const LATE_S = 15;
export const OVERDUE_S = 30;

export type RecordCell =
  | { kind: "idle" }
  | { kind: "unknown"; heardAt: number }
  | { kind: "starting" }
  | { kind: "on"; seconds: number; late: boolean }
  | { kind: "overdue"; seconds: number }
  | { kind: "degraded"; seconds: number }
  | { kind: "interrupted"; sealedAt: number | null }
  | { kind: "failed"; sealedAt: number | null }
  | { kind: "sealing"; sealedAt: number | null }
  | { kind: "stating" }
  | { kind: "sealed" };

/**
 * Times are seconds since 1970 on the court's clock.  `lostAt`: when this page lost the court, if it has; what the record
 * has done since is not known, and the page must not say it.
 */
export function recordCell(record: RecordView, sitting: SittingState, now: number, lostAt: number | null): RecordCell {
  const runs = record.state === "recording" || record.state === "degraded";
  if (lostAt !== null && runs) return { kind: "unknown", heardAt: lostAt };
  const seconds = record.sealedAt === null ? 0 : Math.max(0, Math.floor(now - record.sealedAt));
  switch (record.state) {
    case "idle":
      return sitting === "countdown" ? { kind: "starting" } : { kind: "idle" };
    case "arming":
      return { kind: "starting" };
    case "recording":
    case "degraded":
      if (record.sealedAt === null) return { kind: "starting" };
      if (seconds > OVERDUE_S) return { kind: "overdue", seconds };
      if (record.state === "degraded") return { kind: "degraded", seconds };
      return { kind: "on", seconds, late: seconds > LATE_S };
    case "interrupted":
      return { kind: "interrupted", sealedAt: record.sealedAt };
    case "failed":
      return { kind: "failed", sealedAt: record.sealedAt };
    case "finalizing":
      return record.incident ? { kind: "stating" } : { kind: "sealing", sealedAt: record.sealedAt };
    case "sealed":
      return { kind: "sealed" };
  }
}
