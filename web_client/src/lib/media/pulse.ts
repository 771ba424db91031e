/**
 * Whether packets still come on a connection: the page's own sense of a path that broke.
 *
 * ICE takes some five seconds to notice that a path is dead, and longer if it has another in reserve.  Packets of sound
 * come fifty times a second and reports about once: when they stop all at once, the network has most likely changed.
 */

/** A look takes a millisecond or two. */
export const LOOK_MS = 200;
/**
 * Nothing for so long, where more used to come, is a stop: thirty packets of sound.  A third of all packets lost leaves
 * no such hole, and a restart that was not needed costs nothing: the old path serves until the new one is there.
 */
export const SILENT_MS = 600;
/** Reports come with pauses of their own; a stop is this many times the longest pause of late. */
const PATIENCE = 2;
const PAUSES = 8;

export class Pulse {
  #bytes = 0;
  #heardMs: number;
  #pauses: number[] = [];
  #stopped = true;

  constructor(nowMs: number) {
    this.#heardMs = nowMs;
  }

  /** What has come so far; true once for each stop. */
  feed(bytes: number, nowMs: number): boolean {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      if (!this.#stopped) this.#pauses = [...this.#pauses, nowMs - this.#heardMs].slice(-PAUSES);
      this.#heardMs = nowMs;
      this.#stopped = false;
      return false;
    }
    const regular = this.#pauses.length === PAUSES;
    const stopped = regular && nowMs - this.#heardMs >= Math.max(SILENT_MS, PATIENCE * Math.max(...this.#pauses));
    if (!stopped || this.#stopped) return false;
    this.#stopped = true;
    return true;
  }

  silent(nowMs: number): boolean {
    return nowMs - this.#heardMs >= SILENT_MS;
  }
}

/** Bytes that came on this connection so far, by whichever path. */
export async function bytesReceived(connection: { getStats(): Promise<RTCStatsReport> }): Promise<number> {
  let sum = 0;
  for (const report of (await connection.getStats()).values()) {
    if (report.type === "candidate-pair") sum += report.bytesReceived ?? 0;
  }
  return sum;
}
