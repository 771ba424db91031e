/** Whether what is absent of a writer's segments can be of the time that the court left out, by what is here around it;
 *  the same as `recording/absences.py`. */
import type { Manifest } from "./manifest";
import { AROUND_US, LATE_US, touchesSpan, type Statement } from "./statement";

/** A chunk is closed at least this often: so much older or newer than the chunks around it is an absent one at the most, us. */
const CHUNK_US = 2_000_000;
/** Of the time between what is here so much may be outside of what was left out, us. */
const EDGES_US = 6_000_000;
/** The same where segments had to be left out whole, us. */
const WHOLE_US = 30_000_000;

interface Place {
  lastUs: number;
  name: string;
  slackUs: number;
}

/** Fed with all of a writer's segments in order: what is here, and what is not. */
export class Absences {
  private readonly places: Map<string, Place>;
  private readonly known: [number, number][];

  constructor(
    private readonly manifest: Manifest,
    private readonly statement: Statement | null,
  ) {
    this.places = new Map((manifest.writers ?? []).map(({ writer, startUs }) => [writer, { lastUs: startUs - CHUNK_US, name: "", slackUs: 0 }]));
    const withheld = (statement?.spans ?? []).map(({ startUs, endUs }): [number, number] => [startUs - AROUND_US, endUs + LATE_US]);
    const silent = manifest.interruptions.map(({ startUs, durationUs }): [number, number] => [startUs, startUs + durationUs]);
    this.known = [...withheld, ...this.outside(), ...silent].sort(([a], [b]) => a - b);
  }

  absent(writer: string, name: string, whole = false): void {
    const place = this.places.get(writer);
    if (!place) return;
    place.name ||= name;
    place.slackUs = Math.max(place.slackUs, whole ? WHOLE_US : EDGES_US);
  }

  /** Answers the name of what is absent before it and cannot be explained. */
  here(writer: string, firstUs: number, lastUs: number): string {
    const place = this.places.get(writer);
    if (!place) return "";
    const { name, lastUs: before, slackUs } = place;
    Object.assign(place, { name: "", slackUs: 0, lastUs: Math.max(before, lastUs) });
    if (!name) return "";
    const [from, to] = [before - CHUNK_US, Math.max(before, firstUs) + CHUNK_US];
    const fits = touchesSpan(this.statement?.spans ?? [], from, to) || this.outside().some(([start, end]) => from <= end && start <= to);
    return fits && this.unexplained(before, firstUs) <= slackUs ? "" : name;
  }

  /** What is absent at the end of a writer and cannot be explained. */
  finish(): string[] {
    return (this.manifest.writers ?? []).map(({ writer, endUs }) => this.here(writer, endUs + CHUNK_US, endUs + CHUNK_US)).filter(Boolean);
  }

  private outside(): [number, number][] {
    const part = this.statement?.part;
    return part ? [[0, part.startUs], [part.endUs, Infinity]] : [];
  }

  private unexplained(startUs: number, endUs: number): number {
    let [total, at] = [0, startUs];
    for (const [start, end] of this.known) {
      if (start >= endUs) break;
      total += Math.max(0, start - at);
      at = Math.max(at, end);
    }
    return total + Math.max(0, endUs - at);
  }
}
