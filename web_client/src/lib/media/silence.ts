/**
 * A microphone that is on and gives nothing at all: a switch on the headset, a dead cable, another program that took it.
 *
 * A quiet room is not silent: even behind noise suppression single bits flicker.  Only samples that are all zero count,
 * and only while the browser really measures.
 */
import { measure } from "./meter";

/** Zeros for so long are not a pause of speech. */
export const SILENT_MS = 5000;
/** `measure` adds 1e-12 to the power, so that zeros are -120 dBov; one flickering bit is above this. */
const NOTHING_DB = -119.9;

export class SilenceWatch {
  silent = false;
  #sinceMs: number | null = null;

  /** `running`: the browser measures; otherwise the level says nothing. */
  feed(db: number, running: boolean, nowMs: number): boolean {
    if (running && db > NOTHING_DB) {
      this.#sinceMs = null;
      this.silent = false;
    } else if (!running) {
      this.#sinceMs = null;
    } else {
      this.#sinceMs ??= nowMs;
      this.silent = this.silent || nowMs - this.#sinceMs >= SILENT_MS;
    }
    return this.silent;
  }
}

/** Watch a track that is on until stopped; tells each change. */
export function watchSilence(track: MediaStreamTrack, tell: (silent: boolean) => void): () => void {
  const watch = new SilenceWatch();
  let told = false;
  const stop = measure(track, (db, running) => {
    const silent = watch.feed(db, running, performance.now());
    if (silent !== told) tell((told = silent));
  });
  return () => {
    stop();
    if (told) tell(false);
  };
}
