/** The log and the gaps as a person reads them. */
import type { LogRow, RecordPage, TrackRow } from "../lib/generated/api";
import type { Messages } from "../lib/i18n/en";
import { courtWords } from "../lib/i18n/court";
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
const FLAGGED = new Set([
  ...["elapsed", "first_durable", "call", "dismiss", "lose", "come_back", "degrade", "recover", "fail", "rearm", "close"],
  ...["recess", "resume", "suspend", "retire", "return", "curtain", "lift", "close_doors", "open_doors", "show_exhibit", "ask_repeat"],
]);

function nameOf(page: RecordPage, personId: unknown): string {
  const track = page.tracks.find((each) => each.personId === personId);
  return track ? personName(track) : "";
}

/** What an event is called here, or in the courtroom; nothing for what says nothing to a reader. */
function wordOf(event: string, t: Messages): string | undefined {
  return t.archive.event[event] ?? courtWords().notes.events[event];
}

function wordsOf(page: RecordPage, row: LogRow, t: Messages): string {
  const words = wordOf(row.event, t) ?? row.event;
  if (row.event === "set_stage") return `${words}: ${stageWord(row)}`;
  const name = nameOf(page, row.detail["person"]);
  return name ? `${name}: ${words}` : words;
}

/** Somebody looked in and went away again, or turned from one page of the arrival to the next. */
function beforeCheckIn(row: LogRow): boolean {
  return row.detail["from"] === "checking" && row.detail["to"] === "not_signed_in";
}

export function linesOf(page: RecordPage, t: Messages): Line[] {
  const events = page.log
    .filter((row) => wordOf(row.event, t) !== undefined && !beforeCheckIn(row))
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

function stageWord(row: LogRow): string {
  const stage = String(row.detail["stage"] ?? "");
  return courtWords().stages[stage] ?? stage;
}

/** The stages of the agenda, as long as each lasted; none if the court never went from one to the next. */
export function stagesOf(page: RecordPage): { from: number; to: number; words: string }[] {
  const begun = page.log.filter((row) => row.event === "set_stage" && row.atS < page.durationS).sort((a, b) => a.atS - b.atS);
  return begun.map((row, i) => ({ from: Math.max(0, row.atS), to: Math.min(page.durationS, begun[i + 1]?.atS ?? page.durationS), words: stageWord(row) }));
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
