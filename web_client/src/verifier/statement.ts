/** The court's word on what a copy leaves out (docs/record-format.md §9), as `recording/withheld.py` checks it. */

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

export interface Statement {
  sittingId: string;
  manifestSha256: string;
  enclosedSha256: string;
  spans: Withheld[];
  part: { startUs: number; endUs: number } | null;
  withheld: Absent[];
  outside: Absent[];
  /** Files of recordings that the court added after the close, absent too. */
  added?: string[];
}

/** What arrived this much before and after a withheld span is withheld too, us. */
const AROUND_US = 1_000_000;

/** Whether it has all that the check needs. */
export function isStatement(found: Statement | null): found is Statement {
  return found !== null && [found.spans, found.withheld, found.outside].every((each) => Array.isArray(each)) && typeof found.manifestSha256 === "string";
}

/** Whether these are the same spans in the same order. */
export function sameSpans(some: Withheld[], others: Withheld[]): boolean {
  const told = (spans: Withheld[]) =>
    JSON.stringify(spans.map(({ startUs, endUs, level, order, by, byZh, decidedUs }) => [startUs, endUs, level, order, by, byZh, decidedUs]));
  return told(some) === told(others);
}

/** What does not hold of a statement whose signature does: it must be of this record, and explain all that is absent. */
export function wrongInStatement(statement: Statement, sittingId: string, enclosedSha256: string, known: Set<string>, here: (name: string) => boolean): string[] {
  if (statement.sittingId !== sittingId || statement.enclosedSha256 !== enclosedSha256) return ["of another record"];
  const wrong: string[] = [];
  const { withheld, outside, part } = statement;
  for (const { name } of [...withheld, ...outside]) {
    if (!known.has(name)) wrong.push(`no such segment, ${name}`);
    else if (here(name)) wrong.push(`said to be absent, ${name}`);
  }
  const explains = (entry: Absent) => statement.spans.some((span) => entry.startUs <= span.endUs + AROUND_US && span.startUs - AROUND_US <= entry.endUs);
  wrong.push(...withheld.filter((entry) => !explains(entry)).map(({ name }) => `of no withheld span, ${name}`));
  if (statement.added?.length && statement.spans.length === 0 && part === null) wrong.push("of no withheld span, what was added");
  const inside = (entry: Absent) => part === null || (entry.startUs <= part.endUs && part.startUs <= entry.endUs);
  wrong.push(...outside.filter(inside).map(({ name }) => `inside the part, ${name}`));
  return wrong;
}
