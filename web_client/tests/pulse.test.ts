import { describe, expect, it } from "vitest";
import { Pulse, SILENT_MS } from "../src/lib/media/pulse";

/** Feeds looks each 300 ms; `grows` says at which of them something had come.  Returns when stops were told. */
function run(grows: (look: number) => boolean, looks: number): { stops: number[]; pulse: Pulse } {
  const pulse = new Pulse(0);
  const stops: number[] = [];
  let bytes = 0;
  for (let look = 1; look <= looks; look++) {
    if (grows(look)) bytes += 1000;
    if (pulse.feed(bytes, look * 300)) stops.push(look * 300);
  }
  return { stops, pulse };
}

describe("pulse", () => {
  it("tells a stop once, soon after it", () => {
    const { stops, pulse } = run((look) => look <= 20, 60);
    expect(stops).toHaveLength(1);
    expect(stops[0]! - 20 * 300).toBeGreaterThanOrEqual(SILENT_MS);
    expect(stops[0]! - 20 * 300).toBeLessThanOrEqual(SILENT_MS + 300);
    expect(pulse.silent(61 * 300)).toBe(true);
  });

  it("tells the next stop too", () => {
    expect(run((look) => look <= 20 || (look > 40 && look <= 60), 90).stops).toHaveLength(2);
  });

  it("waits longer where packets are rare", () => {
    const { stops } = run((look) => look <= 60 && look % 4 === 0, 90);
    expect(stops).toHaveLength(1);
    expect(stops[0]! - 60 * 300).toBeGreaterThanOrEqual(2 * 1200);
  });

  it("says nothing of a connection that never spoke", () => {
    expect(run(() => false, 50).stops).toEqual([]);
    expect(run((look) => look === 3, 50).stops).toEqual([]);
  });
});
