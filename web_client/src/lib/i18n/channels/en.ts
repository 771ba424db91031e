/** What is said of the record's sound, person by person: in the courtroom and in the command centre. */
/** Nobody needs the seconds here. */
export const span = (seconds: number): string => {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return "1 min";
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};

export const en = {
  span,
  now: "Sound in the record",
  ago: (span: string) => `Last sound ${span} ago`,
  never: "No sound in the record yet",
  late: (span: string) => `Microphone on, nothing recorded for ${span}`,
  level: (name: string) => `Loudness in the record: ${name}`,
  percent: (level: number) => `${level} of 100`,
  open: "Sound in the record, person by person",
  lead: "Measured in what is stored, not on the live line. It comes about ten seconds later.",
  nothing: "Nothing of anybody is stored yet.",
};
export type ChannelWords = typeof en;
