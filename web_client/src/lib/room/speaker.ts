/** Who is speaking, from the loudness that the court tells four times a second.  Without I/O. */

/** Loudness from which it is speech and not a chair, -dBov (RFC 6464: 0 is the loudest). */
const SPEECH_DBOV = 50;
/** Whoever takes over must have spoken for so long: a cough takes nothing. */
export const TAKE_MS = 800;
/** Short pauses belong to speech. */
const PAUSE_MS = 1200;
/** Whoever was given the picture keeps it at least so long. */
export const HOLD_MS = 3000;

interface Voice {
  sinceMs: number;
  heardMs: number;
}

export class Speakers {
  /** Whose turn it is: the last one who spoke for long enough. */
  speaker: string | null = null;
  /** Who speaks now, also two at once, in order of their beginning. */
  speaking: string[] = [];
  #voices = new Map<string, Voice>();
  #takenMs = -HOLD_MS;

  /** Loudness per audible person; whoever is absent is silent. */
  feed(levels: Record<string, number>, nowMs: number): void {
    for (const [id, level] of Object.entries(levels)) {
      if (level > SPEECH_DBOV) continue;
      const voice = this.#voices.get(id);
      if (voice) voice.heardMs = nowMs;
      else this.#voices.set(id, { sinceMs: nowMs, heardMs: nowMs });
    }
    this.rest(nowMs);
  }

  /** Time goes on without news: those who fell silent stop speaking. */
  rest(nowMs: number): void {
    for (const [id, voice] of this.#voices) if (nowMs - voice.heardMs > PAUSE_MS) this.#voices.delete(id);
    const voices = [...this.#voices].sort(([, a], [, b]) => a.sinceMs - b.sinceMs);
    this.speaking = voices.filter(([, voice]) => voice.heardMs - voice.sinceMs >= TAKE_MS / 2).map(([id]) => id);
    if (this.speaker !== null && this.#voices.has(this.speaker)) return;
    if (nowMs - this.#takenMs < HOLD_MS) return;
    const next = voices.find(([, voice]) => voice.heardMs - voice.sinceMs >= TAKE_MS);
    if (!next) return;
    this.speaker = next[0];
    this.#takenMs = nowMs;
  }

  clear(): void {
    this.#voices.clear();
    this.speaking = [];
  }
}
