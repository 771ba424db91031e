/** The signalling core: joins, answers, pings, losses and the way back. */
import { beforeEach, describe, expect, it } from "vitest";
import { BACKOFF_MS, CONNECT_MS, DEAF_MS, PENDING_LIMIT, PING_MS, PROOF_MS, REPEAT_MS, SignalCore, type Effect } from "../src/lib/signal/core";

const JOINED = { protocol: 1, serverTime: 1000, view: {}, media: null };
let core: SignalCore;

const sent = (effects: Effect[]) => effects.flatMap((e) => (e.do === "send" ? [JSON.parse(e.text)] : []));
const kinds = (effects: Effect[]) => effects.map((e) => e.do);
const say = (message: unknown, now: number) => core.received(JSON.stringify(message), now);
const command = () => ({ type: "command" as const, name: "open", requestId: "r1", expectedVersion: 3, arguments: {} });

function join(now: number): Effect[] {
  const [request] = sent(core.opened(now));
  return say({ type: "reply", id: request.id, data: JOINED }, now);
}

beforeEach(() => {
  core = new SignalCore("zh-CN");
});

describe("joining", () => {
  it("joins first, in the person's language", () => {
    expect(kinds(core.start(0))).toEqual(["state", "connect"]);
    expect(sent(core.opened(10))).toEqual([{ id: 1, type: "join", protocol: 1, locale: "zh-CN" }]);
    expect(core.state).toBe("joining");
    const effects = say({ type: "reply", id: 1, data: JOINED }, 20);
    expect(kinds(effects)).toEqual(["state", "joined", "send"]);
    expect(core.state).toBe("open");
  });

  it("waits and tries again if the join is refused", () => {
    core.start(0);
    core.opened(1);
    say({ type: "error", id: 1, code: "busy", message: "x" }, 2);
    expect(core.state).toBe("pause");
    expect(kinds(core.tick(2))).toEqual(["state", "connect"]);
  });

  it("gives up a connection that does not open", () => {
    core.start(0);
    expect(core.tick(CONNECT_MS)).toEqual([]);
    expect(kinds(core.tick(CONNECT_MS + 1))).toContain("disconnect");
  });
});

describe("asking", () => {
  beforeEach(() => {
    core.start(0);
    join(0);
  });

  it("gives each answer to its asker, in any order", () => {
    const first = core.request({ type: "leave" }, false, 1);
    const second = core.request(command(), true, 1);
    const [a, b] = [...sent(first.effects), ...sent(second.effects)];
    expect(say({ type: "reply", id: b.id, data: { x: 1 } }, 2)).toEqual([{ do: "answer", ticket: second.ticket, data: { x: 1 } }]);
    expect(say({ type: "error", id: a.id, code: "no", message: "No." }, 2)).toEqual([
      { do: "failure", ticket: first.ticket, code: "no", message: "No." },
    ]);
  });

  it("ignores what it did not ask for and what it cannot read", () => {
    expect(say({ type: "reply", id: 999, data: {} }, 1)).toEqual([]);
    expect(core.received("{", 1)).toEqual([]);
  });

  it("passes notices on", () => {
    const notice = { type: "levels", levels: { a: 20 } };
    expect(say(notice, 1)).toEqual([{ do: "notice", notice }]);
  });

  it("bounds what is unanswered", () => {
    for (let i = 0; i < PENDING_LIMIT; i++) core.request({ type: "leave" }, false, 1);
    expect(core.request({ type: "leave" }, false, 1).effects).toMatchObject([{ do: "failure", code: "too-many" }]);
  });

  it("pings, and measures the round trip", () => {
    expect(sent(core.tick(PING_MS - 1))).toEqual([]);
    const [ping] = sent(core.tick(PING_MS));
    expect(ping.type).toBe("ping");
    expect(say({ type: "reply", id: ping.id, data: { serverTime: 55 } }, PING_MS + 30)).toEqual([
      { do: "pong", sentMs: PING_MS, receivedMs: PING_MS + 30, serverTime: 55 },
    ]);
  });
});

describe("losing the link", () => {
  beforeEach(() => {
    core.start(0);
    join(0);
  });

  it("notices silence by itself", () => {
    core.tick(PING_MS);
    expect(kinds(core.tick(DEAF_MS + 1))).toContain("disconnect");
    expect(core.state).toBe("pause");
  });

  it("fails what must not be done twice, and repeats what may be", () => {
    const once = core.request({ type: "leave" }, false, 1);
    const again = core.request(command(), true, 1);
    expect(core.closed(2)).toContainEqual({ do: "failure", ticket: once.ticket, code: "link-lost", message: "" });
    core.tick(2);
    const effects = join(3);
    const repeated = sent(effects).find((request) => request.type === "command");
    expect(repeated).toMatchObject({ requestId: "r1", expectedVersion: 3 });
    expect(say({ type: "reply", id: repeated.id, data: {} }, 4)).toEqual([{ do: "answer", ticket: again.ticket, data: {} }]);
  });

  it("takes a repeatable request while away, and refuses others", () => {
    core.closed(2);
    expect(core.request({ type: "leave" }, false, 3).effects).toMatchObject([{ do: "failure", code: "link-lost" }]);
    expect(core.request(command(), true, 3).effects).toEqual([]);
    core.tick(3);
    expect(sent(join(4)).map((request) => request.type)).toContain("command");
  });

  it("gives a repeatable request up after a while", () => {
    core.closed(2);
    const { ticket } = core.request(command(), true, 3);
    core.tick(2);
    core.closed(4);
    expect(core.tick(REPEAT_MS + 4)).toContainEqual({ do: "failure", ticket, code: "link-lost", message: "" });
  });

  it("waits longer each time, up to a bound, and starts over after a join", () => {
    let now = 10;
    core.closed(now);
    for (const wait of [...BACKOFF_MS, BACKOFF_MS.at(-1)!]) {
      if (wait > 0) expect(kinds(core.tick(now + wait - 1))).not.toContain("connect");
      now += wait;
      expect(kinds(core.tick(now))).toContain("connect");
      core.closed(now);
    }
    now += BACKOFF_MS.at(-1)!;
    core.tick(now);
    join(now);
    core.closed(now);
    expect(kinds(core.tick(now))).toContain("connect");
  });

  it("hurries when the network may be back", () => {
    core.closed(1);
    core.tick(1);
    core.closed(2); // now a pause of one second
    expect(kinds(core.hurry(3))).toContain("connect");
    expect(core.hurry(4)).toEqual([]);
  });

  it("comes back at once when the server restarts", () => {
    say({ type: "ended", reason: "restarting", message: "" }, 5);
    expect(core.state).toBe("pause");
    expect(kinds(core.tick(5))).toContain("connect");
  });
});

describe("the end", () => {
  it("is final: nothing connects again, nothing can be asked", () => {
    core.start(0);
    join(0);
    const { ticket } = core.request(command(), true, 1);
    const ended = { type: "ended", reason: "displaced", message: "Elsewhere." };
    const effects = say(ended, 2);
    expect(effects).toContainEqual({ do: "notice", notice: ended });
    expect(effects).toContainEqual({ do: "failure", ticket, code: "link-lost", message: "" });
    expect(core.state).toBe("ended");
    expect(core.closed(3)).toEqual([]);
    expect(core.tick(60_000)).toEqual([]);
    expect(core.request(command(), true, 4).effects).toMatchObject([{ do: "failure" }]);
  });
});

describe("a network that may have changed", () => {
  const answerPings = (effects: Effect[], now: number) => {
    for (const ping of sent(effects)) say({ type: "reply", id: ping.id, data: { serverTime: 1000 } }, now);
  };

  beforeEach(() => {
    core.start(0);
    answerPings(join(0), 40);
  });

  it("is asked at once, and goes on if it answers", () => {
    const asked = core.doubt(100);
    expect(kinds(asked)).toEqual(["send", "connectBeside"]);
    expect(sent(asked)).toMatchObject([{ type: "ping" }]);
    expect(core.doubt(200)).toEqual([]);
    const [ping] = sent(asked);
    expect(kinds(say({ type: "reply", id: ping.id, data: { serverTime: 1000 } }, 300))).toEqual(["dropBeside", "pong"]);
    expect(kinds(core.besideOpened(310))).toEqual(["dropBeside"]);
    for (let now = 350; now < PING_MS; now += 250) expect(core.tick(now)).toEqual([]);
    expect(core.state).toBe("open");
  });

  it("is left for another as soon as that is there", () => {
    const once = core.request({ type: "leave" }, false, 90);
    const again = core.request(command(), true, 90);
    core.doubt(100);
    const effects = core.besideOpened(130);
    expect(kinds(effects)).toEqual(["failure", "goOver", "state", "send"]);
    expect(effects[0]).toMatchObject({ ticket: once.ticket, code: "link-lost" });
    expect(core.state).toBe("joining");
    const [request] = sent(effects);
    expect(request.type).toBe("join");
    const joined = say({ type: "reply", id: request.id, data: JOINED }, 150);
    expect(core.state).toBe("open");
    const repeated = sent(joined).find((each) => each.type === "command");
    expect(say({ type: "reply", id: repeated.id, data: {} }, 160)).toEqual([{ do: "answer", ticket: again.ticket, data: {} }]);
    expect(core.tick(161)).toEqual([]);
  });

  it("is given up after a while for another that still opens", () => {
    core.doubt(100);
    expect(core.tick(100 + PROOF_MS.least)).toEqual([]);
    expect(kinds(core.tick(101 + PROOF_MS.least))).toEqual(["goOver", "state"]);
    expect(core.state).toBe("connecting");
    expect(sent(core.opened(102 + PROOF_MS.least))).toMatchObject([{ type: "join" }]);
  });

  it("is given up for the other when it closes by itself", () => {
    core.doubt(100);
    expect(kinds(core.closed(120))).toEqual(["goOver", "state"]);
    expect(core.state).toBe("connecting");
    core.closed(130);
    expect(core.state).toBe("pause");
  });

  it("opens another again when the network is back, if the first could not be", () => {
    core.doubt(100);
    expect(core.besideClosed()).toEqual([]);
    expect(kinds(core.doubt(300))).toEqual(["connectBeside"]);
    expect(kinds(core.besideOpened(320))).toContain("goOver");
  });

  it("takes nothing over once it has ended", () => {
    core.doubt(100);
    core.stop(110);
    expect(kinds(core.besideOpened(120))).toEqual(["dropBeside"]);
  });

  it("is left soon if no other can be opened, and made anew at once", () => {
    core.doubt(100);
    core.besideClosed();
    expect(core.tick(100 + PROOF_MS.least)).toEqual([]);
    expect(kinds(core.tick(101 + PROOF_MS.least))).toEqual(["disconnect", "state"]);
    expect(kinds(core.tick(102 + PROOF_MS.least))).toEqual(["state", "connect"]);
  });

  it("has more time where answers always took long", () => {
    answerPings(core.tick(PING_MS), PING_MS + 400);
    core.doubt(PING_MS + 500);
    core.besideClosed();
    const patience = 400 * PROOF_MS.roundTrips;
    expect(core.tick(PING_MS + 500 + patience).map((effect) => effect.do)).not.toContain("disconnect");
    expect(kinds(core.tick(PING_MS + 501 + patience))).toContain("disconnect");
  });

  it("drops an attempt that began on the old network", () => {
    core.closed(1000);
    core.tick(1000);
    expect(core.state).toBe("connecting");
    expect(kinds(core.doubt(1500))).toEqual(["disconnect", "state", "connect"]);
  });

  it("hurries where it only waits", () => {
    core.closed(1000);
    expect(kinds(core.doubt(1001))).toEqual(["state", "connect"]);
  });
});
