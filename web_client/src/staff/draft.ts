/** A booking while it is written: what the form holds, and how it becomes what the server wants. */
import type { Booking, BookingRequest, PersonRequest } from "../lib/generated/desk";
import type { Locale } from "../lib/types";
import { dateIn, momentOf, timeIn } from "../lib/zone";

export type PersonRole = PersonRequest["role"];
export type Side = NonNullable<PersonRequest["side"]>;

export interface DayDraft {
  sittingId: string | null;
  date: string;
  time: string;
  minutes: string;
}

export interface PersonDraft {
  ref: string;
  role: PersonRole;
  name: string;
  nameZh: string;
  side: Side;
  languages: string;
  linkedTo: string[];
  represents: string[];
  screenedFrom: string[];
  deputy: boolean;
  /** Came by the public link: goes along unchanged, and is not shown in the form. */
  guest: boolean;
  user: string;
  email: string;
  phone: string;
  locale: Locale;
}

export interface Draft {
  caseNumber: string;
  caseName: string;
  caseNameZh: string;
  room: string;
  roomZh: string;
  days: DayDraft[];
  people: PersonDraft[];
  recording: "on" | "off";
  recordingReason: string;
}

/** Those who sign in with an account of the court. */
const STAFF: PersonRole[] = ["judge", "panel", "clerk", "staff_host", "technician"];
const DEFAULT_MINUTES = "120";
const DEFAULT_TIME = "10:00";

/** The people that the clerk books. */
export const booked = (draft: Draft): PersonDraft[] => draft.people.filter((person) => !person.guest);
export const hasAccount = (role: PersonRole): boolean => STAFF.includes(role);
/** A party's side is their own; the others choose one. */
export const sideIsGiven = (role: PersonRole): boolean => role === "claimant" || role === "respondent";
export const maySide = (role: PersonRole): boolean => ["lawyer", "witness", "expert", "guest"].includes(role);
export const needsRecord = (draft: Draft): boolean => draft.people.some((person) => person.role === "interpreter");

export const newPerson = (role: PersonRole, locale: Locale, ref: string): PersonDraft => ({
  ref,
  role,
  name: "",
  nameZh: "",
  side: role === "claimant" || role === "respondent" ? role : "",
  languages: "",
  linkedTo: [],
  represents: [],
  screenedFrom: [],
  deputy: false,
  guest: false,
  user: "",
  email: "",
  phone: "",
  locale,
});

export const newDay = (date: string): DayDraft => ({ sittingId: null, date, time: DEFAULT_TIME, minutes: DEFAULT_MINUTES });

export function newDraft(date: string, locale: Locale, ref: () => string): Draft {
  const roles: PersonRole[] = ["judge", "clerk", "claimant", "respondent"];
  return {
    caseNumber: "",
    caseName: "",
    caseNameZh: "",
    room: "",
    roomZh: "",
    days: [newDay(date)],
    people: roles.map((role) => newPerson(role, locale, ref())),
    recording: "on",
    recordingReason: "",
  };
}

export function draftOf(booking: Booking, timeZone: string | undefined): Draft {
  const { caseNumber, caseName, caseNameZh, room, roomZh, recording, recordingReason } = booking;
  return {
    caseNumber,
    caseName,
    caseNameZh,
    room,
    roomZh,
    recording,
    recordingReason,
    days: booking.days.map((day) => ({
      sittingId: day.sittingId,
      date: dateIn(day.scheduledAt, timeZone),
      time: timeIn(day.scheduledAt, timeZone),
      minutes: String(Math.round(day.durationS / 60)),
    })),
    people: booking.people.map(({ personId, languages, user, link: _link, ...rest }) => ({
      ...rest,
      ref: personId,
      languages: languages.join(", "),
      user: user ?? "",
    })),
  };
}

/** Codes of languages (RFC 5646) as a person types them, with any commas or spaces between. */
export const languagesOf = (text: string): string[] => text.split(/[\s,，、;；]+/).filter(Boolean);

export function personRequest(person: PersonDraft, known: ReadonlySet<string>): PersonRequest {
  const still = (refs: string[]) => refs.filter((ref) => known.has(ref) && ref !== person.ref);
  return {
    ref: person.ref,
    role: person.role,
    name: person.name.trim(),
    nameZh: person.nameZh.trim(),
    side: sideIsGiven(person.role) || maySide(person.role) ? person.side : "",
    languages: languagesOf(person.languages),
    linkedTo: person.role === "interpreter" ? still(person.linkedTo) : [],
    represents: person.role === "lawyer" ? still(person.represents) : [],
    screenedFrom: still(person.screenedFrom),
    deputy: person.role === "panel" && person.deputy,
    user: hasAccount(person.role) ? person.user.trim() || null : null,
    email: person.email.trim(),
    phone: person.phone.trim(),
    locale: person.locale,
  };
}

export function bookingRequest(draft: Draft, courtId: string, timeZone: string | undefined, extra: Pick<BookingRequest, "draft" | "revision">): BookingRequest {
  const known = new Set(draft.people.map((person) => person.ref));
  const recording = needsRecord(draft) ? "on" : draft.recording;
  return {
    courtId,
    caseNumber: draft.caseNumber.trim(),
    caseName: draft.caseName.trim(),
    caseNameZh: draft.caseNameZh.trim(),
    room: draft.room.trim(),
    roomZh: draft.roomZh.trim(),
    days: draft.days.map((day) => ({
      scheduledAt: momentOf(day.date, day.time, timeZone),
      durationS: Math.round(Number(day.minutes) * 60),
      sittingId: day.sittingId,
    })),
    people: draft.people.map((person) => personRequest(person, known)),
    recording,
    recordingReason: recording === "off" ? draft.recordingReason.trim() : "",
    ...extra,
  };
}

/** The server's own rules of `diary.py`: whether an address works, only sending shows. */
export const plausibleEmail = (address: string): boolean => /^[^@\s]+@[^@\s.][^@\s]*\.[^@\s]*$/.test(address);
export function plausiblePhone(number: string): boolean {
  const digits = number.replace(/\D/g, "").length;
  return digits >= 3 && digits <= 15 && /^[\d+ \-().#*]+$/.test(number);
}

/** What of a person is missing or cannot be right. */
export function wrongOf(person: PersonDraft): ("name" | "email" | "phone")[] {
  const wrong: ("name" | "email" | "phone")[] = [];
  if (!person.name.trim()) wrong.push("name");
  if (person.email.trim() && !plausibleEmail(person.email.trim())) wrong.push("email");
  if (person.phone.trim() && !plausiblePhone(person.phone.trim())) wrong.push("phone");
  return wrong;
}

/** Fields that lack something, by the names the form gives them.  A draft needs a case and whatever was begun. */
export function lacks(draft: Draft, asDraft: boolean): Set<string> {
  const missing = new Set<string>();
  for (const field of ["caseNumber", "caseName", "room"] as const) if (!draft[field].trim()) missing.add(field);
  draft.days.forEach((day, i) => {
    const minutes = Number(day.minutes);
    if (Number.isNaN(momentOf(day.date, day.time)) || !(minutes >= 1 && minutes <= 1440)) missing.add(`day ${i}`);
  });
  for (const person of draft.people) if (wrongOf(person).length > 0) missing.add(`person ${person.ref}`);
  if (!asDraft && draft.days.length === 0) missing.add("days");
  if (!asDraft && booked(draft).length < 2) missing.add("people");
  if (!needsRecord(draft) && draft.recording === "off" && !draft.recordingReason.trim()) missing.add("recordingReason");
  return missing;
}
