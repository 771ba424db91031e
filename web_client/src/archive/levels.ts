/** Parts of a record that are not for everybody, as a person reads them. */
import type { LevelSpan, RecordPage } from "../lib/generated/api";
import { archiveWords } from "../lib/i18n/archive";

/** So much beside a span is left out with it, s (`AROUND_US` of the recorder). */
const AROUND_S = 1;

/** The span that is withheld from this reader where the record is now. */
export function withheldAt(page: RecordPage, position: number): LevelSpan | undefined {
  return page.levels.spans.find((span) => span.withheld && span.fromS - AROUND_S <= position && position < span.toS + AROUND_S);
}

/** Which order, and not why. */
export function saysOf(span: LevelSpan): string {
  const { levels } = archiveWords();
  return levels.says(levels.level[span.level], span.order);
}
