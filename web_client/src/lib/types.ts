/** Short names for the parts of the generated types that pages use. */
import type { HearingView, Me, RecordView } from "./generated/api";

export type Role = Me["role"];
export type SittingState = HearingView["state"];
export type RecordState = RecordView["state"];
export type Source = "microphone" | "camera";
/** All that a person may send. */
export type Sent = Source | "screen";
export type Locale = "en" | "zh-CN";

/** The order in which people stand in every list. */
export const ROLE_ORDER: Role[] = ["judge", "panel", "clerk", "staff_host", "claimant", "respondent", "lawyer", "interpreter", "witness", "expert", "guest", "observer", "technician"];
/** Judges, clerk and host sit at the bench and see the courtroom before it is opened. */
export const sitsAtBench = (role: Role): boolean => ["judge", "panel", "clerk", "staff_host"].includes(role);
/** Who reads the written record of the hearing, and signs it. */
export const signs = (role: Role): boolean => !["staff_host", "guest", "observer", "technician"].includes(role);
/** Those who come in when the hearing opens; the others are called. */
export const entersOnOpen = (role: Role): boolean => sitsAtBench(role) || role === "claimant" || role === "respondent" || role === "lawyer";
