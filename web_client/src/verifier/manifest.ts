/** The signed manifest of a record, as far as it is checked; the same as `recording/manifest.py`. */
import type { Problem } from "./hrec";

export interface Span {
  personId: string | null;
  source: string | null;
  startUs: number;
  durationUs: number;
  cause: string;
}

export interface ObjectEntry {
  name: string;
  size: number;
  sha256: string;
  writer: string;
  segment: number;
  chunks: [number, number, number][];
  /** The root over its header and chunks; not there in older records. */
  treeSha256?: string;
  recovered?: boolean;
}

export interface TrackEntry {
  writer: string;
  track: number;
  personId: string;
  source: string;
  chunks: number;
  headSha256: string;
}

export interface Manifest {
  version: number;
  sittingId: string;
  court: string;
  courtZh: string;
  caseNumber: string;
  caseName: string;
  caseNameZh: string;
  openedUs: number;
  closedUs: number;
  sealedUs: number;
  keyId: string;
  participants: { personId: string; name: string; nameZh: string; role: string }[];
  writers?: { writer: string; startUs: number; endUs: number; clockOffsetUs: number }[];
  tracks: TrackEntry[];
  objects: ObjectEntry[];
  gaps: Span[];
  interruptions: Span[];
  problems: Problem[];
  missingWriters: string[];
  events?: unknown[];
  /** Of a public version, the SHA-256 of the record's manifest. */
  publicOf?: string;
}
