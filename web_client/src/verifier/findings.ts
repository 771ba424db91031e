/** What a check found, with its sentences in English and Chinese; the same as `recording/report.py`. */
import { FINDINGS } from "../lib/generated/findings";

export type Severity = "error" | "warning" | "note";

export interface Finding {
  code: string;
  severity: Severity;
  place: string;
  en: string;
  zh: string;
}

export type Code = keyof typeof FINDINGS;

/** Findings listed one by one; what is beyond is counted only. */
const FINDINGS_LIMIT = 1000;
const ORDER: Record<Severity, number> = { error: 0, warning: 1, note: 2 };

export class Findings {
  errors = 0;
  private readonly found: Finding[] = [];

  /** `placeZh` is the place in Chinese, where it has words. */
  add(code: Code, place = "", placeZh = place): void {
    const [severity, english, chinese] = FINDINGS[code]!;
    this.errors += severity === "error" ? 1 : 0;
    if (this.found.length >= FINDINGS_LIMIT && (severity !== "error" || this.errors >= FINDINGS_LIMIT)) return;
    // Not replace(): a place may hold what that takes for a pattern.
    this.found.push({ code, severity, place, en: english.split("{place}").join(place), zh: chinese.split("{place}").join(placeZh) });
  }

  worstFirst(): Finding[] {
    return [...this.found].sort((a, b) => ORDER[a.severity] - ORDER[b.severity]);
  }
}
