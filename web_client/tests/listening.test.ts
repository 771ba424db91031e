import { describe, expect, it } from "vitest";
import { gradeOf, LinkGrade, WEAK_FOR_MS } from "../src/lib/media/link-grade";
import { SILENT_MS, SilenceWatch } from "../src/lib/media/silence";
import { HOLD_MS, Speakers, TAKE_MS } from "../src/lib/room/speaker";

const ZEROS_DB = 10 * Math.log10(1e-12);
/** One flickering bit of 16 in 2048 samples. */
const ONE_BIT_DB = 10 * Math.log10((1 / 32768) ** 2 / 2048 + 1e-12);

describe("a silent microphone", () => {
  it("is told after some seconds of zeros, and no more once anything comes", () => {
    const watch = new SilenceWatch();
    expect(watch.feed(ZEROS_DB, true, 0)).toBe(false);
    expect(watch.feed(ZEROS_DB, true, SILENT_MS - 1)).toBe(false);
    expect(watch.feed(ZEROS_DB, true, SILENT_MS)).toBe(true);
    expect(watch.feed(ONE_BIT_DB, true, SILENT_MS + 100)).toBe(false);
  });

  it("is no quiet room", () => {
    const watch = new SilenceWatch();
    for (let ms = 0; ms < 60_000; ms += 125) expect(watch.feed(ms % 1000 === 0 ? ONE_BIT_DB : ZEROS_DB, true, ms)).toBe(false);
  });

  it("is not told of while the browser does not measure", () => {
    const watch = new SilenceWatch();
    for (let ms = 0; ms < 60_000; ms += 125) expect(watch.feed(ZEROS_DB, false, ms)).toBe(false);
    expect(watch.feed(ZEROS_DB, true, 60_000)).toBe(false);
  });
});

describe("who speaks", () => {
  /** Levels every 250 ms. */
  const talk = (speakers: Speakers, who: string[], fromMs: number, toMs: number, dbov = 30) => {
    for (let ms = fromMs; ms <= toMs; ms += 250) speakers.feed(Object.fromEntries(who.map((id) => [id, dbov])), ms);
  };

  it("is nobody for a cough, and whoever goes on", () => {
    const speakers = new Speakers();
    talk(speakers, ["judge"], 0, 250);
    talk(speakers, [], 500, 3000);
    expect([speakers.speaker, speakers.speaking]).toEqual([null, []]);
    talk(speakers, ["judge"], 3000, 3000 + TAKE_MS + 250);
    expect([speakers.speaker, speakers.speaking]).toEqual(["judge", ["judge"]]);
  });

  it("is not somebody who is hardly heard", () => {
    const speakers = new Speakers();
    talk(speakers, ["judge"], 0, 5000, 58);
    expect([speakers.speaker, speakers.speaking]).toEqual([null, []]);
  });

  it("keeps the turn through a pause and an interruption, and loses it after", () => {
    const speakers = new Speakers();
    talk(speakers, ["judge"], 0, 2000);
    talk(speakers, ["judge", "claimant"], 2250, 5000);
    expect([speakers.speaker, speakers.speaking]).toEqual(["judge", ["judge", "claimant"]]);
    talk(speakers, ["claimant"], 5250, 5250 + HOLD_MS);
    expect([speakers.speaker, speakers.speaking]).toEqual(["claimant", ["claimant"]]);
    talk(speakers, [], 9000, 20_000);
    expect([speakers.speaker, speakers.speaking]).toEqual(["claimant", []]);
  });
});

describe("a network", () => {
  const report = (more = {}) => ({ uplinkLoss: 0, downlinkLoss: 0, rttMs: 30, layer: 2, heldBack: 0, wordsLostMs: 0, ...more });

  it("is weak from 10 % loss and bad from 15 %", () => {
    expect([0.09, 0.1, 0.149, 0.15].map((loss) => gradeOf(loss, 30, 0))).toEqual(["good", "weak", "weak", "bad"]);
    expect([399, 400, 800].map((rtt) => gradeOf(0, rtt, 0))).toEqual(["good", "weak", "bad"]);
    expect(gradeOf(0, 30, 1)).toBe("weak");
  });

  it("is not bad for one bad report, and says for how long it has been weak", () => {
    const link = new LinkGrade();
    link.feed(report(), 0);
    link.feed(report({ uplinkLoss: 0.18 }), 2000);
    expect([link.grade, link.weakForMs(2000)]).toEqual(["good", 0]);
    for (let ms = 4000; ms <= 4000 + WEAK_FOR_MS; ms += 2000) link.feed(report({ downlinkLoss: 0.3 }), ms);
    expect(link.grade).toBe("bad");
    expect(link.weakForMs(4000 + WEAK_FOR_MS)).toBe(WEAK_FOR_MS);
    for (let ms = 0; ms < 10; ms++) link.feed(report({ uplinkLoss: null, downlinkLoss: null, rttMs: null }), 20_000 + ms);
    expect([link.grade, link.weakForMs(21_000)]).toEqual(["good", 0]);
  });
});
