import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ConsumerNew } from "../src/lib/generated/messages";
import type { Ask } from "../src/lib/signal/core";

vi.stubGlobal("window", globalThis);
vi.stubGlobal("location", { search: "", protocol: "https:", href: "https://court.example/" });
vi.stubGlobal("document", { cookie: "", visibilityState: "visible", addEventListener: () => {}, removeEventListener: () => {} });
vi.stubGlobal("navigator", { languages: ["en"], mediaDevices: { addEventListener: () => {}, enumerateDevices: async () => [] } });

const { Incoming } = await import("../src/lib/media/incoming");
const { Outgoing } = await import("../src/lib/media/outgoing");
const { LINGER_MS } = await import("../src/lib/media/viewing");
const { LocalDevices } = await import("../src/lib/media/devices.svelte");
const { Networks } = await import("../src/lib/media/networks.svelte");
const { canShareScreen } = await import("../src/lib/media/screen");
const { Refusal } = await import("../src/lib/http");

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const settle = () => vi.advanceTimersByTimeAsync(1);

function notice(personId: string, source: ConsumerNew["source"]): ConsumerNew {
  const kind = source === "microphone" ? "audio" : "video";
  const rtpParameters = { codecs: [] } as unknown as ConsumerNew["rtpParameters"];
  return { type: "consumer.new", consumerId: `${personId}-${source}`, producerId: "p", personId, source, kind, rtpParameters, producerPaused: false } as ConsumerNew;
}

function incoming(refuse = false) {
  const asked: Ask[] = [];
  const told: string[] = [];
  let refusing = refuse;
  const made = new Incoming({
    ask: async <T>(ask: Ask) => {
      if (refusing) throw new Refusal("link-lost", "");
      asked.push(ask);
      return {} as T;
    },
    remote: (personId, source, track) => told.push(`${personId} ${source} ${track ? "on" : "off"}`),
    yielded: () => {},
  });
  const transport = { consume: async ({ id }: { id: string }) => ({ id, track: {}, close: () => {} }) };
  const take = (personId: string, source: ConsumerNew["source"]) => made.take(transport as never, notice(personId, source), () => true);
  const words = () => asked.splice(0).map((ask) => ("spatialLayer" in ask ? `${ask.type} ${ask.spatialLayer}` : ask.type));
  return { made, take, told, words, refuse: (on: boolean) => (refusing = on) };
}

describe("what comes", () => {
  it("is sound at once, and a picture once somebody looks at it", async () => {
    const { made, take, words } = incoming();
    await take("judge", "microphone");
    expect(words()).toEqual(["consumer.resume"]);
    await take("judge", "camera");
    expect(words()).toEqual([]);
    const place = made.viewing.place();
    made.viewing.see(place, "judge", "camera", 500, performance.now());
    made.review();
    await settle();
    expect(words()).toEqual(["consumer.layers 1", "consumer.resume"]);
  });

  it("is asked for in another size without a pause, and not twice in the same", async () => {
    const { made, take, words } = incoming();
    const place = made.viewing.place();
    made.viewing.see(place, "judge", "camera", 500, performance.now());
    await take("judge", "camera");
    await settle();
    words();
    made.viewing.see(place, "judge", "camera", 1200, performance.now());
    made.review();
    made.review();
    await settle();
    expect(words()).toEqual(["consumer.layers 2"]);
  });

  it("ends a moment after nobody looks any more, by itself", async () => {
    const { made, take, words } = incoming();
    const place = made.viewing.place();
    made.viewing.see(place, "judge", "camera", 500, performance.now());
    await take("judge", "camera");
    await settle();
    words();
    made.viewing.leave(place, performance.now());
    made.review();
    await settle();
    expect(words()).toEqual([]);
    await vi.advanceTimersByTimeAsync(LINGER_MS + 50);
    expect(words()).toEqual(["consumer.pause"]);
  });

  it("is said again after the link was lost", async () => {
    const { made, take, words, refuse } = incoming();
    await take("judge", "microphone");
    const place = made.viewing.place();
    made.viewing.see(place, "judge", "camera", 500, performance.now());
    await take("judge", "camera");
    await settle();
    words();
    refuse(true);
    made.viewing.see(place, "judge", "camera", 1200, performance.now());
    made.review();
    await settle();
    expect(words()).toEqual([]);
    refuse(false);
    made.again();
    await settle();
    expect(words()).toEqual(["consumer.resume", "consumer.layers 2", "consumer.resume"]);
  });

  it("is taken once, however often it is told of", async () => {
    const { take, told } = incoming();
    await Promise.all([take("judge", "camera"), take("judge", "camera")]);
    await take("judge", "camera");
    expect(told).toEqual(["judge camera on"]);
  });

  it("leaves the cameras out for a shared screen when data is saved, and has one back after it", async () => {
    const { made, take, words } = incoming();
    const [large, small] = [made.viewing.place(), made.viewing.place()];
    made.viewing.see(large, "judge", "screen", 900, performance.now());
    made.viewing.see(small, "judge", "camera", 500, performance.now());
    made.save({ lowData: true, noScreens: false, mainPerson: "judge" });
    await take("judge", "camera");
    await settle();
    expect(words()).toEqual(["consumer.layers 0", "consumer.resume"]);
    await take("judge", "screen");
    await settle();
    expect(words()).toEqual(["consumer.pause", "consumer.layers 2", "consumer.resume"]);
    made.close("judge-screen");
    await settle();
    expect(words()).toEqual(["consumer.layers 0", "consumer.resume"]);
  });
});

/** What the browser's side of a producer shows to the court. */
class FakeProducer {
  closed = false;
  rtpSender = undefined;
  constructor(
    readonly id: string,
    readonly source: string,
    public track: unknown,
    public paused = false,
  ) {}
  pause = () => void (this.paused = true);
  resume = () => void (this.paused = false);
  close = () => void (this.closed = true);
  replaceTrack = async ({ track }: { track: unknown }) => void (this.track = track);
}

function outgoing() {
  const asked: Ask[] = [];
  const made: FakeProducer[] = [];
  const refused: string[] = [];
  let refuses = "";
  const own = new Outgoing({
    ask: async <T>(ask: Ask) => {
      asked.push(ask);
      return {} as T;
    },
    refused: (source, error) => refused.push(`${source} ${(error as InstanceType<typeof Refusal>).code}`),
  });
  const send = {
    produce: async ({ track, appData }: { track: unknown; appData: { source: string } }) => {
      if (refuses) throw new Refusal(refuses, "");
      const producer = new FakeProducer(`${appData.source}-${made.length}`, appData.source, track);
      made.push(producer);
      return producer;
    },
  };
  const producing = { device: { sendRtpCapabilities: { codecs: [] } }, send } as unknown as Parameters<typeof own.use>[0];
  const words = () => asked.splice(0).map((ask) => ("producerId" in ask ? `${ask.type} ${ask.producerId}` : ask.type));
  return { own, made, words, refused, producing, refuse: (code: string) => (refuses = code) };
}

describe("what goes out", () => {
  const track = () => new Track("audio") as unknown as MediaStreamTrack;

  it("is nothing in the waiting room, although the path is there, and the person's own once it flows", async () => {
    const { own, made, producing } = outgoing();
    const mine = track();
    own.permit(["microphone", "camera"]);
    own.set("microphone", mine, true);
    own.use(producing);
    await settle();
    expect(made.map((producer) => producer.track)).toEqual([null]);
    own.flow(["microphone", "camera"]);
    await settle();
    expect(made.map((producer) => producer.track)).toEqual([mine]);
    // The court has locked the microphone: it does not leave the device either.
    own.flow(["camera"]);
    await settle();
    expect(made.map((producer) => producer.track)).toEqual([null]);
  });

  it("is a screen only while it flows, and never without the right", async () => {
    const { own, made, producing, words } = outgoing();
    own.use(producing);
    own.flow(["microphone", "camera", "screen"]);
    own.set("screen", track(), true);
    await settle();
    expect(made).toEqual([]);
    own.permit(["microphone", "screen"]);
    await settle();
    expect(made.map((producer) => producer.source)).toEqual(["screen"]);
    own.permit(["microphone"]);
    await settle();
    expect([made[0]!.closed, words()]).toEqual([true, ["producer.close screen-0"]]);
  });

  it("is kept through a broken socket, with what was pressed meanwhile told", async () => {
    const { own, made, producing, words } = outgoing();
    own.permit(["microphone", "camera"]);
    own.flow(["microphone", "camera", "screen"]);
    own.set("microphone", track(), true);
    own.use(producing);
    await settle();
    own.set("microphone", track(), false);
    await settle();
    expect(words()).toEqual(["producer.pause microphone-0"]);
    // The court did not hear of the pause, and holds a producer that this page does not know.
    own.reconcile([{ id: "microphone-0", paused: false }, { id: "stranger", paused: false }]);
    await settle();
    expect(words()).toEqual(["producer.close stranger", "producer.pause microphone-0"]);
    expect(made.length).toBe(1);
    own.reconcile([]);
    await settle();
    expect([made[0]!.closed, made.length]).toEqual([true, 2]);
  });

  it("says what the court does not take, and is silent about a lost link", async () => {
    const { own, producing, refused, refuse } = outgoing();
    refuse("source-not-allowed");
    own.permit(["screen"]);
    own.flow(["microphone", "camera", "screen"]);
    own.set("screen", track(), true);
    own.use(producing);
    await settle();
    expect(refused.at(-1)).toBe("screen source-not-allowed");
    const told = refused.length;
    refuse("link-lost");
    own.apply();
    await settle();
    expect(refused.length).toBe(told);
  });
});

class Track extends EventTarget {
  readyState = "live";
  enabled = true;
  constructor(
    readonly kind: string,
    public muted = false,
  ) {
    super();
  }
  getSettings = () => ({ deviceId: "d" });
  stop = () => void (this.readyState = "ended");
  clone = () => new Track(this.kind);
  change(muted: boolean): void {
    this.muted = muted;
    this.dispatchEvent(new Event(muted ? "mute" : "unmute"));
  }
}

describe("a microphone that the system takes away", () => {
  let given: Track[];
  let mutedFromTheStart: boolean;
  let refuses: boolean;
  let lost: string[];

  async function microphone() {
    given = [];
    mutedFromTheStart = refuses = false;
    lost = [];
    vi.stubGlobal("MediaStream", class {});
    (navigator.mediaDevices as { getUserMedia: unknown }).getUserMedia = async () => {
      if (refuses) throw new DOMException("", "NotReadableError");
      const track = new Track("audio", mutedFromTheStart);
      given.push(track);
      return { getTracks: () => [track], getAudioTracks: () => [track], getVideoTracks: () => [] };
    };
    const devices = new LocalDevices();
    devices.onLost = (source, silenced) => lost.push(`${source} ${silenced}`);
    await devices.open("microphone");
    return devices;
  }

  it("is taken back when its track ends", async () => {
    const devices = await microphone();
    given[0]!.readyState = "ended";
    given[0]!.dispatchEvent(new Event("ended"));
    await settle();
    expect(given.length).toBe(2);
    expect(devices.track("microphone")).toBe(given[1]);
    expect(lost).toEqual([]);
  });

  it("is left alone for a short silence, and taken back after a longer one", async () => {
    await microphone();
    given[0]!.change(true);
    await vi.advanceTimersByTimeAsync(1000);
    given[0]!.change(false);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(given.length).toBe(1);
    given[0]!.change(true);
    await vi.advanceTimersByTimeAsync(5000);
    expect(given.length).toBe(2);
  });

  it("is given up, and said so, when it stays silenced as in a telephone call", async () => {
    const devices = await microphone();
    mutedFromTheStart = true;
    given[0]!.change(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(given.length).toBe(3);
    expect(lost).toEqual(["microphone true"]);
    expect(devices.track("microphone")).toBe(null);
    // The tap of the person tries again, from the beginning.
    mutedFromTheStart = false;
    expect(await devices.open("microphone")).toBe(true);
    expect(devices.state.microphone).toBe("ok");
  });

  it("is lost at once when it cannot be had any more", async () => {
    const devices = await microphone();
    refuses = true;
    given[0]!.dispatchEvent(new Event("ended"));
    await settle();
    expect(lost).toEqual(["microphone false"]);
    expect(devices.state.microphone).toBe("busy");
  });
});

describe("the key to share a screen", () => {
  const device = (userAgent: string, more: object = {}) =>
    canShareScreen({ userAgent, mediaDevices: { getDisplayMedia: async () => ({}) }, ...more } as unknown as Navigator);

  it("is there on computers, and on no telephone, whatever its browser names", () => {
    expect(device("Mozilla/5.0 (X11; Linux x86_64) Firefox/153.0")).toBe(true);
    expect(device("Mozilla/5.0 (Linux; Android 15) Chrome/150 Mobile")).toBe(false);
    expect(device("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)")).toBe(false);
    expect(device("Mozilla/5.0 (Windows NT 10.0)", { userAgentData: { mobile: true } })).toBe(false);
    expect(device("Mozilla/5.0 (X11; Linux x86_64)", { mediaDevices: {} })).toBe(false);
    expect(device("Mozilla/5.0 (X11; Linux x86_64)", { mediaDevices: undefined })).toBe(false);
  });
});

describe("the offer to save data", () => {
  const report = (loss: number) => ({ me: { uplinkLoss: loss, downlinkLoss: 0, rttMs: 30, layer: 2, heldBack: 0, wordsLostMs: 0 } });

  it("comes when one's own network was weak for ten seconds, goes with that, and is made once", () => {
    const networks = new Networks();
    for (let ms = 0; ms <= 8000; ms += 2000) networks.feed(report(0.3), "me", ms);
    expect(networks.offer).toBe(false);
    networks.feed(report(0.3), "me", 10_000);
    expect(networks.offer).toBe(true);
    expect(networks.grades["me"]).toBe("bad");
    for (let ms = 12_000; ms <= 20_000; ms += 2000) networks.feed(report(0), "me", ms);
    expect(networks.offer).toBe(false);
    for (let ms = 30_000; ms <= 50_000; ms += 2000) networks.feed(report(0.3), "me", ms);
    expect(networks.offer).toBe(true);
    networks.decided();
    networks.feed(report(0.3), "me", 52_000);
    expect(networks.offer).toBe(false);
  });

  it("is not for the network of somebody else, and nothing is said without news", () => {
    const networks = new Networks();
    for (let ms = 0; ms <= 20_000; ms += 2000) networks.feed(report(0.3), "another", ms);
    expect(networks.offer).toBe(false);
    networks.rest(40_000);
    expect(networks.grades).toEqual({});
  });
});
