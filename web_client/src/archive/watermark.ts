/** Where the viewer's name stands in the picture: several places at once, other ones every few seconds. */

/** How long it stays in one place, ms. */
export const STAYS_MS = 6000;

/** The middles of so many copies, as parts of width and height, for the time given in ms since 1970. */
export function spots(ms: number, copies: number): [x: number, y: number][] {
  const step = Math.floor(ms / STAYS_MS);
  return Array.from({ length: copies }, (_, copy) => {
    // The golden ratio spreads one step after the other over the width (Weyl's theorem); each copy has its own band.
    const x = (step * 0.618034 + copy * 0.38) % 1;
    const y = (copy + ((step * 0.754878 + copy * 0.21) % 1)) / copies;
    return [0.15 + 0.7 * x, 0.08 + 0.84 * y];
  });
}
