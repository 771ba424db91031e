/** Parts of a record that are not for everybody, as a person reads them. */
import type { LevelSpan, RecordPage } from "../lib/generated/api";
import { archiveWords } from "../lib/i18n/archive";

/** The span that is withheld from this reader where the record is now. */
export function withheldAt(page: RecordPage, position: number): LevelSpan | undefined {
  return page.levels.spans.find((span) => span.withheld && span.fromS <= position && position < span.toS);
}

/** Which order, and not why. */
export function saysOf(span: LevelSpan): string {
  const { levels } = archiveWords();
  return levels.says(levels.level[span.level], span.order);
}
