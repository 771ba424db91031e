/**
 * Who is where on the stage.
 *
 * People have places by role and by being called, never by noise.  The order of the view is not used; two clients
 * with the same view show the same courtroom.
 */
import type { PersonView } from "../generated/api";
import type { Role } from "../types";

export interface Stage {
  bench: PersonView[];
  /** The main picture: who was called last, or the two sides next to each other. */
  main: PersonView[];
  /** The lower row, in fixed order. */
  seats: PersonView[];
  /** Past the room for tiles: names only. */
  listed: PersonView[];
}

const SEAT_ORDER: Role[] = ["claimant", "respondent", "interpreter", "witness"];
/** Seats in at most two rows of six (client-style §3). */
export const SEATS_LIMIT = 12;
/** The main picture shows at most the two sides. */
const MAIN_LIMIT = 2;

const byPlace = (a: PersonView, b: PersonView): number =>
  SEAT_ORDER.indexOf(a.role) - SEAT_ORDER.indexOf(b.role) || a.personId.localeCompare(b.personId);

export function arrange(people: PersonView[]): Stage {
  const inRoom = people.filter((person) => person.inRoom);
  const bench = [
    ...inRoom.filter((person) => person.role === "judge"),
    ...inRoom.filter((person) => person.role === "clerk"),
  ];
  const floor = inRoom.filter((person) => SEAT_ORDER.includes(person.role)).sort(byPlace);
  const main = mainOf(floor);
  const rest = floor.filter((person) => !main.includes(person));
  return { bench, main, seats: rest.slice(0, SEATS_LIMIT), listed: rest.slice(SEATS_LIMIT) };
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

/** Phone: bench and You above, one main picture, the rest as "n more".  Nobody is shown twice. */
export function arrangePhone(people: PersonView[], me: string): Stage & { you: PersonView | null } {
  const stage = arrange(people);
  const you = people.find((person) => person.personId === me && person.inRoom && person.role !== "observer") ?? null;
  const notMe = (person: PersonView) => person.personId !== me;
  const bench = stage.bench.slice(0, 1);
  const youOnBench = bench.some((person) => person.personId === me);
  const candidates = stage.main.filter(notMe);
  const others = [...stage.main, ...stage.seats, ...stage.listed].filter(notMe);
  const main = candidates.length > 0 ? candidates : mainOf(others);
  return {
    bench,
    you: youOnBench ? null : you,
    main,
    seats: [],
    listed: [...stage.bench.slice(1).filter(notMe), ...others.filter((person) => !main.includes(person))],
  };
}

/** The simulcast layer that fills a picture of this width, in device pixels. */
export function spatialLayer(width: number): 0 | 1 | 2 {
  if (width <= 360) return 0;
  return width <= 720 ? 1 : 2;
}
