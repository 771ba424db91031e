/** How one element is kept in step with the master clock.  Everything in seconds. */

/** Above this the element is moved; a seek costs a visible jump. */
export const JUMP_S = 0.3;
/** Below this it is left alone; between the two its speed is bent a little. */
export const EASE_S = 0.025;
const BEND_LIMIT = 0.08;

export type Correction = { seek: number } | { rate: number };

/** `want` and `have`: positions in the element; `rate`: the speed of the master clock. */
export function correction(want: number, have: number, rate: number): Correction {
  const late = want - have;
  if (Math.abs(late) > JUMP_S) return { seek: want };
  if (Math.abs(late) < EASE_S) return { rate };
  const bend = Math.max(-BEND_LIMIT, Math.min(BEND_LIMIT, late));
  return { rate: rate * (1 + bend) };
}

/** Ticks for a clock lane: at most `limit` marks at a round distance. */
export function tickStep(duration: number, limit: number): number {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
  return steps.find((step) => duration / step <= limit) ?? 14_400;
}

/** Peaks (0..100) drawn as one line of upright strokes in a box of `columns` by 100, loudest of each column kept. */
export function wavePath(peaks: number[], columns: number): string {
  const count = Math.min(columns, peaks.length);
  let path = "";
  for (let column = 0; column < count; column++) {
    const from = Math.floor((column * peaks.length) / count);
    const to = Math.max(from + 1, Math.floor(((column + 1) * peaks.length) / count));
    let peak = 0;
    for (let i = from; i < to; i++) peak = Math.max(peak, peaks[i] ?? 0);
    const half = Math.max(2, Math.min(100, peak) / 2);
    const x = (((column + 0.5) * columns) / count).toFixed(1);
    path += `M${x} ${(50 - half).toFixed(0)}V${(50 + half).toFixed(0)}`;
  }
  return path;
}
