/** Where the viewer's name stands in the picture: several places at once, other ones every few seconds. */

/** How long it stays in one place, ms. */
export const STAYS_MS = 6000;

/** Of the height, where middles may stand. */
const TALL = 0.84;

/**
 * The middles of so many copies, as parts of width and height, for the time given in ms since 1970.
 * ``thick``: of the height that one copy takes.  No two overlap: in a small picture there are fewer.
 */
export function spots(ms: number, most: number, thick = 0): [x: number, y: number][] {
  const step = Math.floor(ms / STAYS_MS);
  const copies = thick > 0 ? Math.max(1, Math.min(most, Math.floor(TALL / thick))) : most;
  const free = Math.max(0, 1 - (copies > 1 ? (thick * copies) / TALL : 0));
  return Array.from({ length: copies }, (_, copy) => {
    // The golden ratio spreads one step after the other over the width (Weyl's theorem); each copy has its own band.
    const x = (step * 0.618034 + copy * 0.38) % 1;
    const y = (copy + 0.5 + (((step * 0.754878 + copy * 0.21) % 1) - 0.5) * free) / copies;
    return [0.15 + 0.7 * x, 0.08 + TALL * y];
  });
}
