import { describe, expect, it } from "vitest";
import type { PersonView } from "../src/lib/generated/api";
import { arrange, arrangePhone, mainPersonOf } from "../src/lib/room/layout";
import type { Role } from "../src/lib/types";

const person = (personId: string, role: Role, more: Partial<PersonView> = {}): PersonView => ({
  personId,
  name: personId,
  nameZh: personId,
  role,
  presence: "in_hearing",
  inRoom: true,
  microphone: "on",
  camera: "on",
  awaySince: null,
  calledAt: null,
  check: null,
  place: "hearing",
  side: "",
  deputy: false,
  linked: [],
  muted: false,
  locked: false,
  behindCurtain: false,
  handAt: null,
  repeatAt: null,
  grants: [],
  mix: "",
  underOath: false,
  released: false,
  leaving: "",
  leavingSince: null,
  attendAt: "",
  identity: null,
  consent: null,
  blocked: null,
  languages: null,
  may: [],
  ...more,
});
const ids = (people: PersonView[]) => people.map((each) => each.personId);
const judge = person("j", "judge");
const clerk = person("k", "clerk");
const claimant = person("c", "claimant");
const respondent = person("r", "respondent");
const witness = (id: string, calledAt: number) => person(id, "witness", { calledAt });

describe("the stage", () => {
  it("has the bench in its place, the judge first, whatever the order of the view", () => {
    expect(ids(arrange([clerk, respondent, judge]).bench)).toEqual(["j", "k"]);
  });

  it("shows the two sides next to each other, claimant left", () => {
    const stage = arrange([respondent, judge, claimant]);
    expect(ids(stage.main)).toEqual(["c", "r"]);
    expect(stage.seats).toEqual([]);
  });

  it("gives the main picture to the witness called last; the sides take their seats", () => {
    const stage = arrange([witness("w1", 5), respondent, witness("w2", 9), claimant, person("i", "interpreter"), judge]);
    expect(ids(stage.main)).toEqual(["w2"]);
    expect(ids(stage.seats)).toEqual(["c", "r", "i", "w1"]);
  });

  it("does not move anybody for sound, an absence or a camera", () => {
    const loud = arrange([judge, claimant, respondent]);
    const quiet = arrange([judge, { ...claimant, presence: "away", camera: "off" }, { ...respondent, microphone: "off" }]);
    expect(ids(quiet.main)).toEqual(ids(loud.main));
  });

  it("shows nobody who is not in the room, and no observer", () => {
    const stage = arrange([judge, { ...claimant, inRoom: false }, person("o", "observer")]);
    expect(stage.main).toEqual([]);
    expect(stage.seats).toEqual([]);
  });

  it("lists by name those for whom there is no seat", () => {
    const many = Array.from({ length: 15 }, (_, i) => witness(`w${String(i).padStart(2, "0")}`, i));
    const stage = arrange([judge, claimant, respondent, ...many]);
    expect(stage.main).toHaveLength(1);
    expect(stage.seats).toHaveLength(12);
    expect(stage.listed).toHaveLength(4);
  });
});

describe("the phone", () => {
  it("shows the bench, You, and the other side", () => {
    const stage = arrangePhone([judge, clerk, claimant, respondent], "c");
    expect(ids(stage.bench)).toEqual(["j"]);
    expect(stage.you?.personId).toBe("c");
    expect(ids(stage.main)).toEqual(["r"]);
    expect(ids(stage.listed)).toEqual(["k"]);
  });

  it("shows the judge themself on the bench, and both sides", () => {
    const stage = arrangePhone([judge, clerk, claimant, respondent], "j");
    expect(stage.you).toBeNull();
    expect(ids(stage.main)).toEqual(["c", "r"]);
  });

  it("shows a witness those who question them, not their own picture twice", () => {
    const stage = arrangePhone([judge, claimant, respondent, witness("w", 3)], "w");
    expect(stage.you?.personId).toBe("w");
    expect(ids(stage.main)).toEqual(["c", "r"]);
  });

  it("shows an observer the court, and not themself", () => {
    const stage = arrangePhone([judge, claimant, respondent, person("o", "observer")], "o");
    expect(stage.you).toBeNull();
    expect(ids(stage.main)).toEqual(["c", "r"]);
  });

  it("shows nobody twice and forgets nobody", () => {
    const people = [judge, clerk, claimant, respondent, person("i", "interpreter"), witness("w", 3)];
    for (const { personId } of people) {
      const stage = arrangePhone(people, personId);
      const all = [...stage.bench, ...(stage.you ? [stage.you] : []), ...stage.main, ...stage.listed];
      expect(ids(all).sort(), personId).toEqual(ids(people).sort());
    }
  });
});

describe("a speaker", () => {
  const witnesses = Array.from({ length: 12 }, (_, n) => witness(`w${String(n).padStart(2, "0")}`, n));
  const everyone = [judge, claimant, respondent, ...witnesses];

  it("moves nobody who is in sight", () => {
    const quiet = arrange([judge, claimant, respondent], { sharing: null, speaker: null });
    expect(arrange([judge, claimant, respondent], { sharing: null, speaker: "r" })).toEqual(quiet);
  });

  it("is shown in the last seat if there was no room for more than a name", () => {
    const quiet = arrange(everyone);
    const listed = quiet.listed[0]!.personId;
    const loud = arrange(everyone, { sharing: null, speaker: listed });
    expect(loud.seats.at(-1)?.personId).toBe(listed);
    expect(ids(loud.seats.slice(0, -1))).toEqual(ids(quiet.seats.slice(0, -1)));
    expect(ids([...loud.seats, ...loud.listed]).sort()).toEqual(ids([...quiet.seats, ...quiet.listed]).sort());
  });

  it("takes the phone's main picture only from out of sight", () => {
    const people = [judge, clerk, claimant, respondent, person("i", "interpreter")];
    expect(ids(arrangePhone(people, "c", { sharing: null, speaker: "j" }).main)).toEqual(["r"]);
    expect(ids(arrangePhone(people, "c", { sharing: null, speaker: "i" }).main)).toEqual(["i"]);
  });
});

describe("a shared screen", () => {
  const people = [judge, claimant, respondent, person("i", "interpreter")];

  it("has the main place; those who stood there take their seats", () => {
    const stage = arrange(people, { sharing: "j", speaker: null });
    expect(stage.main).toEqual([]);
    expect(ids(stage.seats)).toEqual(["c", "r", "i"]);
    expect(ids(stage.bench)).toEqual(["j"]);
  });

  it("leaves the bench and whoever speaks above it on a phone", () => {
    const stage = arrangePhone(people, "c", { sharing: "j", speaker: "i" });
    expect([ids(stage.bench), stage.beside?.personId, stage.you]).toEqual([["j"], "i", null]);
    expect(ids(stage.listed)).toEqual(["r"]);
    expect(arrangePhone(people, "c", { sharing: "j", speaker: null }).beside?.personId).toBe("r");
  });
});

describe("the one picture of low-data mode", () => {
  it("is the called witness, else the speaker, else the judge, and never one's own", () => {
    const people = [judge, claimant, respondent];
    expect(mainPersonOf(people, "c", null)).toBe("j");
    expect(mainPersonOf(people, "c", "r")).toBe("r");
    expect(mainPersonOf(people, "c", "c")).toBe("j");
    expect(mainPersonOf([...people, witness("w", 3)], "c", "r")).toBe("w");
    expect(mainPersonOf([judge], "j", "j")).toBe(null);
  });
});
