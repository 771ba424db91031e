/** How the network serves people, as the court tells every two seconds, and the offer to save data. */
import type { PeerQuality } from "../generated/messages";
import { LinkGrade, WEAK_FOR_MS, type Grade } from "./link-grade";

/** Without a new report for so long nothing is said of anybody's network. */
const STALE_MS = 7000;

export class Networks {
  /** By person: oneself, or for the bench everybody. */
  grades = $state.raw<Record<string, Grade>>({});
  /** One's own network has been weak for a while, and nothing was said of it yet. */
  offer = $state(false);
  #links = new Map<string, LinkGrade>();
  #heardMs = 0;
  #declined = false;

  feed(people: Record<string, PeerQuality>, mine: string, nowMs: number): void {
    this.#heardMs = nowMs;
    for (const id of [...this.#links.keys()]) if (!(id in people)) this.#links.delete(id);
    const grades: Record<string, Grade> = {};
    for (const [id, quality] of Object.entries(people)) {
      const link = this.#links.get(id) ?? new LinkGrade();
      this.#links.set(id, link);
      link.feed(quality, nowMs);
      grades[id] = link.grade;
    }
    this.grades = grades;
    const weakMs = this.#links.get(mine)?.weakForMs(nowMs) ?? 0;
    this.offer = weakMs > 0 && !this.#declined && (this.offer || weakMs >= WEAK_FOR_MS);
  }

  rest(nowMs: number): void {
    if (!this.#heardMs || nowMs - this.#heardMs <= STALE_MS) return;
    this.#heardMs = 0;
    this.#links.clear();
    this.grades = {};
    this.offer = false;
  }

  /** The person has chosen: it is not offered again in this visit. */
  decided(): void {
    this.offer = false;
    this.#declined = true;
  }
}
