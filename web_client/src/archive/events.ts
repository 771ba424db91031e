/** The log and the gaps as a person reads them. */
import type { LogRow, RecordPage, TrackRow } from "../lib/generated/api";
import type { Messages } from "../lib/i18n/en";
import { personName } from "../lib/names";
import { ROLE_ORDER, type Role } from "../lib/types";

/** Everyone in the order of the courtroom. */
export function byPlace(tracks: TrackRow[]): TrackRow[] {
  const place = (track: TrackRow) => ROLE_ORDER.indexOf(track.role as Role);
  return [...tracks].sort((a, b) => place(a) - place(b) || a.url.localeCompare(b.url));
}

/** What stands in one place of the archive: a person, or a person's screen, with all files of it. */
export interface Place {
  key: string;
  personId: string;
  screen: boolean;
  /** At least one, by begin. */
  tracks: TrackRow[];
}

/** Everyone in the order of the courtroom, each person before their screen. */
export function placesOf(tracks: TrackRow[]): Place[] {
  const places = new Map<string, Place>();
  for (const screen of [false, true]) {
    for (const track of byPlace(tracks)) {
      if ((track.source === "screen") !== screen) continue;
      const key = screen ? `${track.personId}-screen` : track.personId;
      const place = places.get(key);
      if (place) place.tracks.push(track);
      else places.set(key, { key, personId: track.personId, screen, tracks: [track] });
    }
  }
  for (const place of places.values()) place.tracks.sort((a, b) => a.offsetS - b.offsetS);
  const people = [...new Set([...places.values()].map((place) => place.personId))];
  return [...places.values()].sort((a, b) => people.indexOf(a.personId) - people.indexOf(b.personId) || Number(a.screen) - Number(b.screen));
}

export interface Line {
  key: string;
  at: number;
  words: string;
  gap: boolean;
}

/** What stands on the timeline as a flag; the list holds every event that has words. */
const FLAGGED = new Set(["elapsed", "first_durable", "call", "dismiss", "lose", "come_back", "degrade", "recover", "fail", "rearm", "close"]);

function nameOf(page: RecordPage, personId: unknown): string {
  const track = page.tracks.find((each) => each.personId === personId);
  return track ? personName(track) : "";
}

function wordsOf(page: RecordPage, row: LogRow, t: Messages): string {
  const words = t.archive.event[row.event] ?? row.event;
  const name = nameOf(page, row.detail["person"]);
  return name ? `${name}: ${words}` : words;
}

export function linesOf(page: RecordPage, t: Messages): Line[] {
  const events = page.log
    .filter((row) => t.archive.event[row.event] !== undefined)
    .map((row) => ({ key: `e${row.seq}`, at: row.atS, words: wordsOf(page, row, t), gap: false }));
  const gaps = page.gaps.map((gap, i) => {
    const who = nameOf(page, gap.personId) || t.archive.everyone;
    const source = gap.source ? (t.archive.sources[gap.source] ?? gap.source) : "";
    const cause = t.archive.causes[gap.cause];
    const span = gap.durationS < 10 ? t.lasted(Math.round(gap.durationS * 10) / 10) : t.lasted(Math.round(gap.durationS));
    return { key: `g${i}`, at: gap.startS, words: t.archive.gapOf(who, source, cause, span), gap: true };
  });
  return [...events, ...gaps].sort((a, b) => a.at - b.at);
}

/** Flags with the room (s) that each label has before the next flag; none if it is too little to read. */
export function flagsOf(page: RecordPage, t: Messages): (Line & { room: number })[] {
  const least = page.durationS * 0.06;
  const flags = page.log
    .filter((row) => FLAGGED.has(row.event) && row.atS <= page.durationS)
    .map((row) => ({ key: `e${row.seq}`, at: Math.max(0, row.atS), words: wordsOf(page, row, t), gap: false }))
    .sort((a, b) => a.at - b.at);
  return flags.map((flag, i) => {
    const room = (flags[i + 1]?.at ?? page.durationS) - flag.at;
    return { ...flag, room: room >= least ? room : 0 };
  });
}
