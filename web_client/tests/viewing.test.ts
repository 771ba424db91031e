import { describe, expect, it } from "vitest";
import { cameraEncodings, thin } from "../src/lib/media/encodings";
import { capOf, layerFor, LINGER_MS, UNLIMITED, Viewing } from "../src/lib/media/viewing";

const LOW = { lowData: true, noScreens: false, mainPerson: "judge" };

describe("the layer for a picture", () => {
  it("is the one that fills it", () => {
    expect([150, 360, 361, 720, 721, 2000].map((width) => layerFor(width, null))).toEqual([0, 0, 1, 1, 2, 2]);
  });

  it("does not change to and fro at a bound", () => {
    expect(layerFor(730, 1)).toBe(1);
    expect(layerFor(820, 1)).toBe(2);
    expect(layerFor(700, 2)).toBe(2);
    expect(layerFor(620, 2)).toBe(1);
    expect(layerFor(380, 0)).toBe(0);
    expect(layerFor(340, 1)).toBe(1);
    expect(layerFor(2000, 0)).toBe(2);
    expect(layerFor(100, 2)).toBe(0);
  });
});

describe("what is asked for", () => {
  it("is nothing while no place shows the picture", () => {
    const viewing = new Viewing();
    expect(viewing.wish("judge", "camera", false, 0)).toEqual({ shown: false });
    viewing.see(viewing.place(), "judge", "camera", 0, 0);
    expect(viewing.wish("judge", "camera", false, 0)).toEqual({ shown: false });
  });

  it("is the largest of the places", () => {
    const viewing = new Viewing();
    const [large, small] = [viewing.place(), viewing.place()];
    viewing.see(small, "judge", "camera", 200, 0);
    expect(viewing.wish("judge", "camera", false, 0)).toEqual({ shown: true, layer: 0 });
    viewing.see(large, "judge", "camera", 1000, 0);
    expect(viewing.wish("judge", "camera", false, 0)).toEqual({ shown: true, layer: 2 });
    viewing.leave(large, 5);
    expect(viewing.wish("judge", "camera", false, 5)).toEqual({ shown: true, layer: 0 });
  });

  it("goes on for a moment when a tile moves, and ends then", () => {
    const viewing = new Viewing();
    const place = viewing.place();
    viewing.see(place, "judge", "camera", 500, 0);
    expect(viewing.nextMs(0)).toBe(null);
    viewing.leave(place, 1000);
    expect(viewing.nextMs(1400)).toBe(LINGER_MS - 400);
    expect(viewing.wish("judge", "camera", false, 1400)).toEqual({ shown: true, layer: 1 });
    expect(viewing.wish("judge", "camera", false, 1000 + LINGER_MS)).toEqual({ shown: false });
    expect(viewing.nextMs(1000 + LINGER_MS)).toBe(null);
  });

  it("is no picture at all on a page that is not in sight", () => {
    const viewing = new Viewing();
    viewing.see(viewing.place(), "judge", "camera", 500, 0);
    viewing.wake(false);
    expect(viewing.wish("judge", "camera", false, 0)).toEqual({ shown: false });
    viewing.wake(true);
    expect(viewing.wish("judge", "camera", false, 0)).toEqual({ shown: true, layer: 1 });
  });
});

describe("low-data mode", () => {
  it("keeps one camera, small; a shared screen goes before it", () => {
    expect(capOf("camera", "judge", UNLIMITED, true)).toBe(2);
    expect(capOf("camera", "judge", LOW, false)).toBe(0);
    expect(capOf("camera", "claimant", LOW, false)).toBe(null);
    expect(capOf("camera", "judge", LOW, true)).toBe(null);
    expect(capOf("screen", "claimant", LOW, true)).toBe(2);
  });

  it("may leave out shared screens, and has the camera back then", () => {
    const thrift = { ...LOW, noScreens: true };
    expect(capOf("screen", "claimant", thrift, true)).toBe(null);
    expect(capOf("camera", "judge", thrift, true)).toBe(0);
  });

  it("caps what a large tile would ask for", () => {
    const viewing = new Viewing();
    viewing.thrift = LOW;
    viewing.see(viewing.place(), "judge", "camera", 1000, 0);
    expect(viewing.wish("judge", "camera", false, 0)).toEqual({ shown: true, layer: 0 });
  });

  it("sends the lowest layer only, and goes back", () => {
    const encodings: RTCRtpEncodingParameters[] = [{ active: true }, { active: true }, { active: true }];
    expect(thin(encodings, false)).toBe(false);
    expect(thin(encodings, true)).toBe(true);
    expect(encodings).toEqual([{ active: true, maxFramerate: 15 }, { active: false, maxFramerate: 15 }, { active: false, maxFramerate: 15 }]);
    expect(thin(encodings, true)).toBe(false);
    expect(thin(encodings, false)).toBe(true);
    expect(encodings).toEqual([{ active: true }, { active: true }, { active: true }]);
  });
});

describe("the layers of a camera", () => {
  const of = (width: number) => cameraEncodings(width).map((layer) => [layer.scaleResolutionDownBy, layer.maxBitrate]);

  it("are 320, 640 and 1280 wide", () => {
    expect(of(1280)).toEqual([[4, 150_000], [2, 500_000], [1, 1_500_000]]);
    expect(of(0)).toEqual(of(1280));
    expect(of(1920)).toEqual([[6, 150_000], [3, 500_000], [1.5, 1_500_000]]);
  });

  it("are fewer for a smaller camera, of which nothing is lost", () => {
    expect(of(640)).toEqual([[2, 150_000], [1, 500_000]]);
    expect(of(960)).toEqual([[3, 150_000], [1.5, 500_000], [1, 843_750]]);
    expect(of(320)).toEqual([[1, 150_000]]);
  });
});
