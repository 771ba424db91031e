import { expect, test } from "vitest";
import { bookingRequest, type Draft, draftOf, lacks, languagesOf, newDraft, newPerson, personRequest, wrongOf } from "../src/staff/draft";
import type { Booking } from "../src/lib/generated/desk";

const ZONE = "Asia/Shanghai";

function filled(): Draft {
  let n = 0;
  const draft = newDraft("2026-11-24", "en", () => `p${++n}`);
  draft.caseNumber = " HC 1 ";
  draft.caseName = "Larkin v Freight";
  draft.room = "Room 4";
  for (const person of draft.people) person.name = `Name ${person.ref}`;
  return draft;
}

test("a new booking says what it lacks, and a draft lacks less", () => {
  const draft = newDraft("2026-11-24", "en", () => "p");
  expect(lacks(draft, false)).toEqual(new Set(["caseNumber", "caseName", "room", "person p"]));
  expect(lacks(filled(), false).size).toBe(0);
  const bare = { ...filled(), days: [], people: [] };
  expect([...lacks(bare, true)]).toEqual([]);
  expect([...lacks(bare, false)]).toEqual(["days", "people"]);
});

test("an address and a number that cannot be right are marked with their person", () => {
  const draft = filled();
  Object.assign(draft.people[1]!, { email: "a@@b.test", phone: "call me" });
  Object.assign(draft.people[2]!, { email: " a@b.test ", phone: "+86 10 5555 0123" });
  expect([...lacks(draft, true)]).toEqual([`person ${draft.people[1]!.ref}`]);
  expect(wrongOf(draft.people[1]!)).toEqual(["email", "phone"]);
  for (const email of ["a", "a@b", "a@.b", "@b.c", "a b@c.d"]) expect(wrongOf({ ...draft.people[0]!, email })).toEqual(["email"]);
  for (const phone of ["12", "1234567890123456", "12345x"]) expect(wrongOf({ ...draft.people[0]!, phone })).toEqual(["phone"]);
});

test("days without a date, or of no length, are marked", () => {
  const draft = filled();
  draft.days.push({ sittingId: null, date: "", time: "10:00", minutes: "60" }, { sittingId: null, date: "2026-11-25", time: "10:00", minutes: "0" });
  expect([...lacks(draft, false)]).toEqual(["day 1", "day 2"]);
});

test("times are of the court's zone", () => {
  const request = bookingRequest(filled(), "c", ZONE, {});
  expect(request.days).toEqual([{ scheduledAt: Date.parse("2026-11-24T02:00:00Z") / 1000, durationS: 7200, sittingId: null }]);
  expect(request.caseNumber).toBe("HC 1");
});

test("an interpreter has the hearing recorded, whatever was chosen", () => {
  const draft = { ...filled(), recording: "off" as const, recordingReason: "" };
  expect([...lacks(draft, false)]).toEqual(["recordingReason"]);
  draft.people.push({ ...newPerson("interpreter", "en", "i"), name: "Wen Jian", linkedTo: ["p3", "gone"] });
  expect([...lacks(draft, false)]).toEqual([]);
  const request = bookingRequest(draft, "c", ZONE, {});
  expect([request.recording, request.people.at(-1)?.linkedTo]).toEqual(["on", ["p3"]]);
});

test("what a role does not have is not sent", () => {
  const person = { ...newPerson("witness", "en", "w"), name: "W", user: "w", deputy: true, represents: ["a"], side: "claimant" as const };
  expect(personRequest(person, new Set(["a", "w"]))).toMatchObject({ user: null, deputy: false, represents: [], side: "claimant" });
});

test("languages are told apart however they are written", () => {
  expect(languagesOf(" en, zh；da  ")).toEqual(["en", "zh", "da"]);
});

test("a booking goes through the form unchanged, with the guests of the public link", () => {
  const person = { personId: "p1", role: "lawyer", name: "A", nameZh: "", side: "claimant", languages: ["en"], linkedTo: [], represents: ["p2"], screenedFrom: [], deputy: false, user: null, email: "a@x", phone: "", locale: "en", link: "works", guest: false };
  const booking = { caseNumber: "1", caseName: "n", caseNameZh: "", room: "r", roomZh: "", recording: "on", recordingReason: "", days: [{ sittingId: "s", ordinal: 1, scheduledAt: 1764036000, durationS: 3600, state: "not_started" }],
    people: [person, { ...person, personId: "p2", role: "claimant", represents: [] }, { ...person, personId: "p3", guest: true }] } as unknown as Booking;
  const request = bookingRequest(draftOf(booking, ZONE), "c", ZONE, { revision: 3 });
  expect(request.days).toEqual([{ scheduledAt: 1764036000, durationS: 3600, sittingId: "s" }]);
  expect(request.people.map((each) => [each.ref, each.represents])).toEqual([["p1", ["p2"]], ["p2", []], ["p3", ["p2"]]]);
  expect(request.revision).toBe(3);
});
