/** Who spoke when, read from the loudness of each person's own track.  Everything in seconds after the record's start. */
import type { TrackRow } from "../lib/generated/api";

/** One person speaking: pauses are inside, other voices are not. */
export interface Turn {
  personId: string;
  from: number;
  to: number;
}

const STEP_S = 0.5;
/** Peak (0..100) from which a microphone is taken to carry a voice. */
const VOICE = 10;
/** A pause this short does not end a turn. */
const PAUSE_S = 2;
/** A cough is no turn. */
const LEAST_S = 1;

function loudest(tracks: TrackRow[], at: number): string | null {
  let best: string | null = null;
  let most = VOICE - 1;
  for (const track of tracks) {
    const first = Math.floor((at - track.offsetS) / track.peaksPeriodS);
    const count = Math.max(1, Math.round(STEP_S / track.peaksPeriodS));
    for (let i = Math.max(0, first); i < first + count && i < track.peaks.length; i++) {
      if (track.peaks[i]! > most) [most, best] = [track.peaks[i]!, track.personId];
    }
  }
  return best;
}

/** The turns of all, in their order; where several speak, the loudest has it. */
export function turnsOf(tracks: TrackRow[], duration: number): Turn[] {
  const voices = tracks.filter((track) => track.hasAudio && track.peaks.length > 0);
  const turns: Turn[] = [];
  for (let at = 0; at < duration; at += STEP_S) {
    const personId = loudest(voices, at);
    if (personId === null) continue;
    const last = turns.at(-1);
    const to = Math.min(duration, at + STEP_S);
    if (last?.personId === personId && at - last.to <= PAUSE_S) last.to = to;
    else turns.push({ personId, from: at, to });
  }
  const spoken = turns.filter((turn) => turn.to - turn.from >= LEAST_S);
  // What a cough had parted is one turn again.
  return spoken.reduce<Turn[]>((joined, turn) => {
    const last = joined.at(-1);
    if (last?.personId === turn.personId && turn.from - last.to <= PAUSE_S) last.to = turn.to;
    else joined.push({ ...turn });
    return joined;
  }, []);
}

/** The turn after (`way` 1) or before (-1) this time, of one person or of anybody. */
export function turnFrom(turns: Turn[], at: number, way: 1 | -1, personId?: string): Turn | undefined {
  const some = personId === undefined ? turns : turns.filter((turn) => turn.personId === personId);
  return way === 1 ? some.find((turn) => turn.from > at + 0.25) : some.findLast((turn) => turn.from < at - 1);
}
