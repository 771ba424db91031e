/** Two soft notes before a person is heard and seen: made here, as a page without a file to fetch is never late. */

/** G5 and C5 (equal temperament, A4 = 440 Hz), when each begins, how long it rings, s, and how loud it is. */
const NOTES_HZ = [783.99, 523.25] as const;
const APART_S = 0.28;
const RING_S = 0.9;
const LOUDNESS = 0.16;

/** Ring once; a page that may not play sound yet stays silent. */
export async function chime(): Promise<void> {
  const context = new AudioContext();
  try {
    if (context.state !== "running") await Promise.race([context.resume(), new Promise((resolve) => setTimeout(resolve, 500))]);
    if (context.state !== "running") return;
    NOTES_HZ.forEach((frequency, index) => {
      const at = context.currentTime + index * APART_S;
      const note = new OscillatorNode(context, { frequency });
      const bell = new GainNode(context, { gain: 0 });
      bell.gain.setValueAtTime(LOUDNESS, at);
      bell.gain.exponentialRampToValueAtTime(0.0001, at + RING_S);
      note.connect(bell).connect(context.destination);
      note.start(at);
      note.stop(at + RING_S);
    });
    await new Promise((resolve) => setTimeout(resolve, 1000 * (NOTES_HZ.length * APART_S + RING_S)));
  } finally {
    await context.close();
  }
}
