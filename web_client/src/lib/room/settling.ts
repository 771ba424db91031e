/** Cameras and microphones that are most likely on their way.  Without I/O. */
import type { PersonView } from "../generated/api";
import type { Source } from "../types";

/** How long one may take to come (back) before the tile says that there is none, s. */
const SETTLE_S = 6;

export class Settling {
  #noneSince = new Map<string, number>();

  /** `now` on the court's clock, s. */
  note(people: PersonView[], now: number): void {
    for (const person of people) {
      for (const source of ["camera", "microphone"] as const) {
        const key = `${person.personId} ${source}`;
        if (person[source] !== "none" || !person.inRoom) this.#noneSince.delete(key);
        else if (!this.#noneSince.has(key)) this.#noneSince.set(key, now);
      }
    }
  }

  is(personId: string, source: Source, now: number): boolean {
    const since = this.#noneSince.get(`${personId} ${source}`);
    return since !== undefined && now - since < SETTLE_S;
  }
}
