import { afterEach, describe, expect, it, vi } from "vitest";
import { DeskOfHearing } from "../src/court/desk.svelte";
import type { ChatMessage, ExhibitRow } from "../src/lib/generated/desk";
import type { Hearing } from "../src/lib/hearing.svelte";

// The person's choices live in the document, which is not here.
vi.mock("../src/lib/prefs.svelte", () => ({ prefs: { locale: "en", t: { errors: { unexpected: "?", unreachable: "?" } } } }));

const said = (messageId: number): ChatMessage => ({ messageId, personId: "p", fromStaff: true, sender: "R. Santos", senderZh: "", text: `${messageId}`, at: messageId });
const hearing = { view: { me: { personId: "p", hearing: { hearingId: "h" } } } } as unknown as Hearing;

/** The court's answers, given when the test says so. */
class Court {
  #waiting: ((body: unknown) => void)[] = [];
  readonly asked: string[] = [];
  constructor() {
    vi.stubGlobal("location", new URL("http://court.test/hearing?person=p"));
    vi.stubGlobal("fetch", (path: string) => {
      this.asked.push(path);
      return new Promise((resolve) => this.#waiting.push((body) => resolve(new Response(JSON.stringify(body), { status: body === null ? 500 : 200 }))));
    });
  }
  async answer(body: unknown, which = 0): Promise<void> {
    this.#waiting.splice(which, 1)[0]?.(body);
    await new Promise((resolve) => setTimeout(resolve));
  }
}

describe("messages", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("keeps what came while the conversation was on its way", async () => {
    const court = new Court();
    const desk = new DeskOfHearing(hearing);
    void desk.open("p");
    desk.news("chat", { ...said(2) });
    await court.answer([said(1)]);
    expect(desk.messages["p"]?.map((one) => one.messageId)).toEqual([1, 2]);
  });
  it("asks again for a conversation that could not be had", async () => {
    const court = new Court();
    const desk = new DeskOfHearing(hearing);
    void desk.open("p");
    await court.answer(null);
    expect(desk.refusal).not.toBeNull();
    void desk.open("p");
    await court.answer([said(1)]);
    expect(desk.messages["p"]).toHaveLength(1);
  });
  it("fetches what was said while the link was gone, of what the page shows", async () => {
    const court = new Court();
    const desk = new DeskOfHearing(hearing);
    await desk.renew();
    expect(court.asked).toEqual([]);
    void desk.open("p");
    await court.answer([said(1)]);
    void desk.renew();
    await court.answer([said(1), said(2), said(3)]);
    expect(desk.messages["p"]?.map((one) => one.messageId)).toEqual([1, 2, 3]);
  });
});

describe("exhibits", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("shows the newest list, in whatever order the answers come", async () => {
    const row = (exhibitId: string) => ({ exhibitId }) as ExhibitRow;
    const court = new Court();
    const desk = new DeskOfHearing(hearing);
    void desk.loadExhibits();
    void desk.loadExhibits();
    await court.answer([row("a"), row("b")], 1);
    await court.answer([row("a")]);
    expect(desk.exhibits).toHaveLength(2);
  });
});
