/** What the pages of the records' custody say in English.  custody.zh.ts has the same shape. */
import type { CustodyPage } from "../../generated/desk";

type Action = CustodyPage["may"][number];
type State = CustodyPage["row"]["state"];
type Outcome = CustodyPage["outcomes"][number]["outcome"];

const years = (n: number) => (n === 1 ? "1 year" : `${n} years`);

export const custody = {
  title: "Custody of records",
  lead: "How long each record is kept, and what was decided about it.",
  search: "Case number or name",
  searchKey: "Search",
  found: (n: number) => (n === 1 ? "1 record" : `${n} records`),
  notAllowed: "Only the court's records custodian, clerks and auditors see this page.",
  columns: { held: "Held", case: "Case", outcome: "Outcome", until: "Kept until", state: "State", actions: "Open" },
  open: "Open",
  openCase: (name: string) => `Custody of ${name}`,
  back: "All records",
  noOutcome: "Not recorded",
  untilOutcome: "Until the outcome is recorded",
  forGood: "For good",
  states: {
    undecided: "Outcome awaited",
    kept: "Kept",
    expired: "Due",
    marked: "Marked for destruction",
    approved: "Being destroyed",
    destroyed: "Destroyed",
  } satisfies Record<State, string>,
  held: "Legal hold",
  hidden: "Hidden",
  notTold: "The storage is being told.",
  locked: "The storage's lock lasts longer than was decided. It is destroyed when the lock ends.",
  objects: (n: number) => (n === 1 ? "1 object in the storage" : `${n} objects in the storage`),
  facts: "How it stands",
  decide: "Decide",
  nothingToDecide: "There is nothing here that you can decide now.",
  outcomes: {
    not_guilty: "Not guilty",
    non_custodial: "Non-custodial sentence",
    custodial: "Custodial sentence",
    life: "Life sentence",
    civil: "Civil judgment",
    short_term: "Short term",
    long_term: "Long term",
    permanent: "Permanent",
  } satisfies Record<Outcome, string>,
  outcomeKept: (n: number, sentence: boolean, permanent: boolean) =>
    permanent ? "kept for good" : sentence ? `kept ${years(n)}, or to the end of the sentence` : `kept ${years(n)}`,
  actions: {
    outcome: "Record the outcome",
    override: "Set another day",
    hold: "Place a legal hold",
    release: "Release the legal hold",
    hide: "Hide the record",
    show: "Show the record again",
    mark: "Mark for destruction",
    withdraw: "Withdraw the mark",
    approve: "Approve the destruction",
    destroyed: "Destroyed",
  } satisfies Record<Action, string>,
  effects: {
    outcome: "The storage locks the record to the last day of its retention. What is kept is never kept for less time.",
    override: "The record can be kept for longer, never for less time.",
    hold: "Nothing of the record is destroyed before the hold is released, whatever the day.",
    release: "The record can be destroyed again when its retention is over.",
    hide: "Nobody but the records custodian sees the record. This can be undone.",
    show: "Everybody who may sees the record again.",
    mark: "Another records custodian has to approve it.",
    withdraw: "The record is kept as before.",
    approve: "Every copy of the record is destroyed. This cannot be undone.",
    destroyed: "",
  } satisfies Record<Action, string>,
  reason: "Reason",
  order: "Reference of the order",
  decidedOn: "Day of the decision",
  sentenceEnds: "End of the sentence, if there is one",
  until: "Last day on which it is kept",
  whichOutcome: "Outcome",
  confirmTitle: "Destroy this record?",
  confirmText: "Every copy of the record is destroyed, the backup too. A signed certificate of it stays. This cannot be undone.",
  confirmVerb: "Destroy the record",
  history: "What was decided",
  nothingYet: "Nothing was decided yet.",
  keptUntil: (day: string) => `kept until ${day}`,
  orderOf: (order: string) => `order ${order}`,
};

export type CustodyWords = typeof custody;
