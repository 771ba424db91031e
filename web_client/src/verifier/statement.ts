/** The court's word on what a copy leaves out (docs/record-format.md §9), as `recording/withheld.py` checks it. */

import type { Manifest, ObjectEntry } from "./manifest";

/** A span that is withheld, us since 1970. */
export interface Withheld {
  startUs: number;
  endUs: number;
  level: string;
  order: string;
  by: string;
  byZh: string;
  decidedUs: number;
}

interface Absent {
  name: string;
  startUs: number;
  endUs: number;
}

/** A segment of which chunks are left out: number of the first in the segment, from 1, and how many. */
export interface Redacted extends Absent {
  absent: [number, number][];
}

export interface Statement {
  version: number;
  sittingId: string;
  manifestSha256: string;
  enclosedSha256: string;
  spans: Withheld[];
  part: { startUs: number; endUs: number } | null;
  withheld: Absent[];
  outside: Absent[];
  /** Segments that are here without some of their chunks. */
  redacted?: Redacted[];
  /** Files of recordings that the court added after the close, absent too. */
  added?: string[];
}

/** What arrived this much before and after a withheld span is withheld too, us. */
export const AROUND_US = 1_000_000;
/** What was said in a withheld span may arrive so much later, us. */
export const LATE_US = 10_000_000;
/** Those that this page knows; the first had no `redacted`. */
const VERSIONS = [1, 2];

/** Whether these are the same spans in the same order. */
export function sameSpans(some: Withheld[], others: Withheld[]): boolean {
  const told = (spans: Withheld[]) =>
    JSON.stringify(spans.map(({ startUs, endUs, level, order, by, byZh, decidedUs }) => [startUs, endUs, level, order, by, byZh, decidedUs]));
  return told(some) === told(others);
}

/** Whether what arrived in this time may be of a withheld span, or from near one. */
export const touchesSpan = (spans: Withheld[], startUs: number, endUs: number): boolean =>
  spans.some((span) => startUs <= span.endUs + LATE_US && span.startUs - AROUND_US <= endUs);

/** What does not hold of a statement whose signature does: it must be of this record, and explain all that is absent. */
export function wrongInStatement(statement: Statement, manifest: Manifest, enclosedSha256: string, here: (name: string) => boolean): string[] {
  if (!VERSIONS.includes(statement.version)) return [`of an unknown version, ${statement.version}`];
  if (statement.sittingId !== manifest.sittingId || statement.enclosedSha256 !== enclosedSha256) return ["of another record"];
  const known = new Map(manifest.objects.map((entry) => [entry.name, entry]));
  const wrong: string[] = [];
  const { withheld, outside, part, redacted = [] } = statement;
  for (const { name } of [...withheld, ...outside, ...redacted]) {
    if (!known.has(name)) wrong.push(`no such segment, ${name}`);
    else if (here(name)) wrong.push(`said to be absent, ${name}`);
  }
  const explains = (entry: Absent) => touchesSpan(statement.spans, entry.startUs, entry.endUs);
  wrong.push(...[...withheld, ...redacted].filter((entry) => !explains(entry)).map(({ name }) => `of no withheld span, ${name}`));
  const whole = new Set([...withheld, ...outside].map(({ name }) => name));
  for (const { name, absent } of redacted) {
    const entry = known.get(name);
    if (whole.has(name)) wrong.push(`absent and redacted, ${name}`);
    else if (entry && !possible(absent, entry)) wrong.push(`no such chunks, ${name}`);
    whole.add(name);
  }
  if (statement.added?.length && statement.spans.length === 0 && part === null) wrong.push("of no withheld span, what was added");
  const inside = (entry: Absent) => part === null || (entry.startUs <= part.endUs && part.startUs <= entry.endUs);
  wrong.push(...outside.filter(inside).map(({ name }) => `inside the part, ${name}`));
  return wrong;
}

/** Whether such chunks of a segment can be told to be absent: some, in order, and not all. */
function possible(runs: [number, number][], entry: ObjectEntry): boolean {
  const total = entry.chunks.reduce((sum, [, , count]) => sum + count, 0);
  let [at, absent] = [0, 0];
  for (const [first, count] of runs) {
    if (first <= at || count < 1) return false;
    at = first + count;
    absent += count;
  }
  return entry.treeSha256 !== undefined && at > 0 && at <= total + 1 && absent < total;
}
