/** How good a person's network is, in three words, from what the media worker measured.  Without I/O. */
import type { PeerQuality } from "../generated/messages";

export type Grade = "good" | "weak" | "bad";

/** Shares of packets lost (capabilities M16: poor from 10 %, bad from 15 %). */
const WEAK_LOSS = 0.1;
const BAD_LOSS = 0.15;
/** Round trips at which talk becomes hard, and hardly possible, ms (ITU-T G.114: 400 ms one way is the limit). */
const WEAK_RTT_MS = 400;
const BAD_RTT_MS = 800;
/** Weight of the newest report: one bad report of two seconds is not yet a bad network. */
const SMOOTHING = 0.5;
/** A link that is weak for so long is worth a word. */
export const WEAK_FOR_MS = 10_000;

export function gradeOf(loss: number, rttMs: number, heldBack: number): Grade {
  if (loss >= BAD_LOSS || rttMs >= BAD_RTT_MS) return "bad";
  return loss >= WEAK_LOSS || rttMs >= WEAK_RTT_MS || heldBack > 0 ? "weak" : "good";
}

/** One person's network over time. */
export class LinkGrade {
  grade: Grade = "good";
  #loss = 0;
  #rttMs = 0;
  #known = false;
  #weakSinceMs: number | null = null;

  feed(quality: PeerQuality, nowMs: number): void {
    const weight = this.#known ? SMOOTHING : 1;
    const loss = Math.max(quality.uplinkLoss ?? 0, quality.downlinkLoss ?? 0);
    this.#loss += (loss - this.#loss) * weight;
    if (quality.rttMs !== null) this.#rttMs += (quality.rttMs - this.#rttMs) * weight;
    this.#known = true;
    this.grade = gradeOf(this.#loss, this.#rttMs, quality.heldBack);
    if (this.grade === "good") this.#weakSinceMs = null;
    else this.#weakSinceMs ??= nowMs;
  }

  weakForMs(nowMs: number): number {
    return this.#weakSinceMs === null ? 0 : nowMs - this.#weakSinceMs;
  }
}
