import { describe, expect, it } from "vitest";
import { spots, STAYS_MS } from "../src/archive/watermark";

describe("where the mark stands", () => {
  it("is inside the picture, in three bands, and elsewhere after a while", () => {
    for (let step = 0; step < 500; step += 1) {
      const found = spots(step * STAYS_MS, 3);
      expect(found).toHaveLength(3);
      for (const [band, [x, y]] of found.entries()) {
        expect(x).toBeGreaterThanOrEqual(0.15);
        expect(x).toBeLessThanOrEqual(0.85);
        expect(Math.floor(((y - 0.08) / 0.84) * 3)).toBe(band);
      }
      expect(spots(step * STAYS_MS + STAYS_MS - 1, 3)).toEqual(found);
      expect(spots((step + 1) * STAYS_MS, 3)).not.toEqual(found);
    }
  });
  it("never overlaps itself, with fewer copies in a small picture", () => {
    for (let step = 0; step < 500; step += 1) {
      for (const thick of [0.1, 0.2, 0.28, 0.4, 0.9]) {
        const found = spots(step * STAYS_MS, 3, thick);
        expect(found).toHaveLength(Math.max(1, Math.min(3, Math.floor(0.84 / thick))));
        for (const [at, [, y]] of found.entries()) if (at > 0) expect(y - found[at - 1]![1]).toBeGreaterThanOrEqual(thick - 1e-9);
      }
    }
  });
  it("leaves no part of the picture free for long", () => {
    // Over ten minutes every tenth of width and height was covered.
    const [columns, rows] = [new Set<number>(), new Set<number>()];
    for (let ms = 0; ms < 600_000; ms += STAYS_MS) {
      for (const [x, y] of spots(ms, 1)) {
        columns.add(Math.floor(((x - 0.15) / 0.7) * 10));
        rows.add(Math.floor(((y - 0.08) / 0.84) * 10));
      }
    }
    expect(columns.size).toBe(10);
    expect(rows.size).toBe(10);
  });
});
