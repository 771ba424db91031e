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

type Span = [number, number];

interface Place {
  lastUs: number;
  name: string;
  slackUs: number;
  /** When the last that stands after something absent was taken, us. */
  afterUs: number;
  /** When something of this writer is here, in order, and when it lost what it took, us. */
  present: Span[];
  lost: Span[];
}

/** What is absent between two times, us. */
interface Doubt {
  writer: string;
  name: string;
  startUs: number;
  endUs: number;
  slackUs: number;
}

/** Fed with all segments, those of a writer in order: what is here, and what is not. */
export class Absences {
  private readonly places: Map<string, Place>;
  private readonly known: Span[];
  private readonly doubts: Doubt[] = [];
  /** What is absent of writers that the manifest does not have: of no time that can be told. */
  private readonly timeless: string[] = [];

  constructor(
    private readonly manifest: Manifest,
    private readonly statement: Statement | null,
  ) {
    this.places = new Map((manifest.writers ?? []).map(({ writer, startUs }) => [writer, { lastUs: startUs - CHUNK_US, name: "", slackUs: 0, afterUs: -Infinity, present: [], lost: [] }]));
    const withheld = (statement?.spans ?? []).map(({ startUs, endUs }): Span => [startUs - AROUND_US, endUs + LATE_US]);
    const silent = manifest.interruptions.map(({ startUs, durationUs }): Span => [startUs, startUs + durationUs]);
    this.known = [...withheld, ...this.outside(), ...silent];
  }

  absent(writer: string, name: string, whole = false): void {
    const place = this.places.get(writer);
    if (!place) {
      this.timeless.push(name);
      return;
    }
    place.name ||= name;
    place.slackUs = Math.max(place.slackUs, whole ? WHOLE_US : EDGES_US);
  }

  /** Answers whether it matters what this chunk says that was lost: something that is absent is just before it. */
  here(writer: string, firstUs: number, lastUs: number): boolean {
    const place = this.places.get(writer);
    if (!place) return false;
    this.close(writer, place, firstUs);
    place.lastUs = Math.max(place.lastUs, lastUs);
    const now = place.present.at(-1);
    if (now && now[0] <= firstUs && firstUs <= now[1] + CHUNK_US) now[1] = Math.max(now[1], lastUs);
    else place.present.push([firstUs, lastUs]);
    return firstUs <= place.afterUs + CHUNK_US;
  }

  /** What the writer took in this time it could not write, by its own word in a chunk that is here. */
  lost(writer: string, startUs: number, endUs: number): void {
    if (endUs > startUs) this.places.get(writer)?.lost.push([startUs, endUs]);
  }

  /** What is absent and cannot be explained. */
  finish(): string[] {
    // Of a writer that is there twice the last entry holds, as for its begin.
    const ends = new Map((this.manifest.writers ?? []).map(({ writer, endUs }) => [writer, endUs]));
    for (const [writer, endUs] of ends) this.close(writer, this.places.get(writer)!, endUs + CHUNK_US);
    const known = new Map([...new Set(this.doubts.map(({ writer }) => writer))].map((writer) => [writer, this.knownOf(writer)]));
    const unexplained = this.doubts.filter((doubt) => !this.explained(doubt, known.get(doubt.writer)!));
    return [...this.timeless, ...unexplained.map(({ name }) => name)];
  }

  private close(writer: string, place: Place, firstUs: number): void {
    if (!place.name) return;
    this.doubts.push({ writer, name: place.name, startUs: place.lastUs, endUs: firstUs, slackUs: place.slackUs });
    Object.assign(place, { name: "", slackUs: 0, afterUs: firstUs });
  }

  /** When nothing of this writer is missed, in order. */
  private knownOf(writer: string): Span[] {
    const others = [...this.places].flatMap(([name, { present }]) => (name === writer ? [] : present));
    return [...this.known, ...this.places.get(writer)!.lost, ...others].sort(([a, b], [c, d]) => a - c || b - d);
  }

  private explained({ startUs, endUs, slackUs }: Doubt, known: Span[]): boolean {
    const [from, to] = [startUs - CHUNK_US, Math.max(startUs, endUs) + CHUNK_US];
    const fits = touchesSpan(this.statement?.spans ?? [], from, to) || this.outside().some(([start, end]) => from <= end && start <= to);
    return fits && outsideOf(known, startUs, endUs) <= slackUs;
  }

  private outside(): Span[] {
    const part = this.statement?.part;
    return part ? [[0, part.startUs], [part.endUs, Infinity]] : [];
  }
}

/** How much of a time is in none of these spans, which are in order, us. */
function outsideOf(known: Span[], startUs: number, endUs: number): number {
  let [total, at] = [0, startUs];
  for (const [start, end] of known) {
    if (start >= endUs) break;
    total += Math.max(0, start - at);
    at = Math.max(at, end);
  }
  return total + Math.max(0, endUs - at);
}
