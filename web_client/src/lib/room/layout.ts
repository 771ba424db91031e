/**
 * Who is where on the stage.
 *
 * People have places by role and by being called; noise moves nobody who is in sight.  Only whoever would be a mere name
 * is shown while they speak.  The order of the view is not used; two clients with the same view show the same courtroom.
 */
import type { PersonView } from "../generated/api";
import type { Role } from "../types";

/** What else decides: who shares the screen that is shown, and whose turn it is to speak. */
export interface Scene {
  sharing: string | null;
  speaker: string | null;
}

const STILL: Scene = { sharing: null, speaker: null };

export interface Stage {
  bench: PersonView[];
  /** The main picture: who was called last, or the two sides next to each other.  Empty while a screen stands there. */
  main: PersonView[];
  /** The lower row, in fixed order. */
  seats: PersonView[];
  /** Past the room for tiles: names only. */
  listed: PersonView[];
}

const SEAT_ORDER: Role[] = ["claimant", "respondent", "lawyer", "interpreter", "witness", "expert", "guest"];
const BENCH_ORDER: Role[] = ["judge", "panel", "clerk", "staff_host"];
/** Seats in at most two rows of six (client-style §3). */
export const SEATS_LIMIT = 12;
/** The main picture shows at most the two sides. */
const MAIN_LIMIT = 2;

const byPlace = (a: PersonView, b: PersonView): number =>
  SEAT_ORDER.indexOf(a.role) - SEAT_ORDER.indexOf(b.role) || a.personId.localeCompare(b.personId);

export function arrange(people: PersonView[], scene: Scene = STILL): Stage {
  const inRoom = people.filter((person) => person.inRoom);
  const bench = BENCH_ORDER.flatMap((role) => inRoom.filter((person) => person.role === role));
  const floor = inRoom.filter((person) => SEAT_ORDER.includes(person.role)).sort(byPlace);
  const main = scene.sharing === null ? mainOf(floor) : [];
  const rest = floor.filter((person) => !main.includes(person));
  return { bench, main, ...seated(rest, scene.speaker) };
}

/** Who sits and who is listed; a listed speaker takes the last seat meanwhile. */
function seated(people: PersonView[], speaker: string | null): Pick<Stage, "seats" | "listed"> {
  const seats = people.slice(0, SEATS_LIMIT);
  const listed = people.slice(SEATS_LIMIT);
  const at = listed.findIndex((person) => person.personId === speaker);
  const last = seats[SEATS_LIMIT - 1];
  if (at >= 0 && last) [seats[SEATS_LIMIT - 1], listed[at]] = [listed[at]!, last];
  return { seats, listed };
}

function mainOf(floor: PersonView[]): PersonView[] {
  const called = floor.filter((person) => person.role === "witness" && person.calledAt !== null);
  const last = called.sort((a, b) => (b.calledAt ?? 0) - (a.calledAt ?? 0))[0];
  if (last) return [last];
  const sides = floor.filter((person) => person.role === "claimant" || person.role === "respondent");
  const first = (role: Role) => sides.find((person) => person.role === role);
  const pair = [first("claimant"), first("respondent")].filter((person) => person !== undefined);
  if (pair.length > 0) return pair.slice(0, MAIN_LIMIT);
  return floor.slice(0, 1);
}

/**
 * Phone: bench and You above, one main picture, the rest as "n more".  Nobody is shown twice.
 *
 * With a shared screen in the main place, whoever speaks or was called stands above, in place of You.
 */
export function arrangePhone(people: PersonView[], me: string, scene: Scene = STILL): Stage & { you: PersonView | null; beside: PersonView | null } {
  const stage = arrange(people);
  const you = people.find((person) => person.personId === me && person.inRoom && person.role !== "observer") ?? null;
  const notMe = (person: PersonView) => person.personId !== me;
  const bench = stage.bench.slice(0, 1);
  const youOnBench = bench.some((person) => person.personId === me);
  const candidates = stage.main.filter(notMe);
  const others = [...stage.main, ...stage.seats, ...stage.listed].filter(notMe);
  const usual = candidates.length > 0 ? candidates : mainOf(others);
  const hidden = [...stage.bench.slice(1).filter(notMe), ...others.filter((person) => !usual.includes(person))];
  const speaker = hidden.find((person) => person.personId === scene.speaker);
  const main = speaker ? [speaker] : usual;
  if (scene.sharing === null) {
    const shown = youOnBench ? null : you;
    return { bench, you: shown, beside: null, main, seats: [], listed: [...usual, ...hidden].filter((person) => !main.includes(person)) };
  }
  const beside = usual.find((person) => person.personId === scene.speaker) ?? main[0] ?? null;
  return { bench, you: null, beside, main: [], seats: [], listed: [...usual, ...hidden].filter((person) => person !== beside) };
}

/** The one picture that low-data mode keeps: who was called, else who speaks, else who presides; never one's own. */
export function mainPersonOf(people: PersonView[], me: string, speaker: string | null): string | null {
  const others = people.filter((person) => person.inRoom && person.personId !== me);
  const called = others.filter((person) => person.role === "witness" && person.calledAt !== null);
  const last = called.sort((a, b) => (b.calledAt ?? 0) - (a.calledAt ?? 0))[0];
  const found = last ?? others.find((person) => person.personId === speaker) ?? others.find((person) => person.role === "judge");
  return found?.personId ?? null;
}
