/** What is said of a person's sound in the record. */
export interface Channel {
  storedAt: number | null;
  soundAt: number | null;
  late: boolean;
}

/** Nothing at all is stored of a microphone that is late: so long it has been at least, s. */
const LATE_AFTER_S = 30;
/** Sound as young as this is sound now: objects reach the archive about every ten seconds, s. */
export const SOUND_NOW_S = 20;

export type SoundSaid = { kind: "now" } | { kind: "never" } | { kind: "ago" | "late"; seconds: number };

/** What is said of a person's channel: as the archive has it, at `now` (s since 1970 on the court's clock). */
export function soundSaid(channel: Channel, now: number): SoundSaid {
  if (channel.late) return { kind: "late", seconds: channel.storedAt === null ? LATE_AFTER_S : Math.max(0, now - channel.storedAt) };
  if (channel.soundAt === null) return { kind: "never" };
  const seconds = Math.max(0, now - channel.soundAt);
  return seconds <= SOUND_NOW_S ? { kind: "now" } : { kind: "ago", seconds };
}
