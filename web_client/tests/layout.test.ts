import { describe, expect, it } from "vitest";
import type { PersonView } from "../src/lib/generated/api";
import { arrange, arrangePhone, spatialLayer } from "../src/lib/room/layout";
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

it("asks for the layer that fills the picture", () => {
  expect([150, 360, 361, 720, 721, 2000].map(spatialLayer)).toEqual([0, 0, 1, 1, 2, 2]);
});
