/** The part of the record that was chosen, in seconds after its start; its ends are kept in order and inside. */
export class Selection {
  readonly duration: number;
  from = $state<number | null>(null);
  to = $state<number | null>(null);

  constructor(duration: number) {
    this.duration = duration;
  }

  get whole(): { from: number; to: number } | null {
    return this.from !== null && this.to !== null && this.to > this.from ? { from: this.from, to: this.to } : null;
  }

  set(one: number, other: number): void {
    [this.from, this.to] = [Math.min(one, other), Math.max(one, other)].map((at) => this.#inside(at)) as [number, number];
  }

  begin(at: number): void {
    this.from = this.#inside(at);
    if (this.to === null || this.to <= this.from) this.to = this.duration;
  }

  end(at: number): void {
    this.to = this.#inside(at);
    if (this.from === null || this.from >= this.to) this.from = 0;
  }

  clear(): void {
    this.from = this.to = null;
  }

  #inside(at: number): number {
    return Math.max(0, Math.min(this.duration, Math.round(at * 1000) / 1000));
  }
}

/** Where on the record a typed time of the court's clock is (`10:04:10`), s after its start; nothing if it is no time
 * of it.  A record over midnight has its second day's times after the first's. */
export function placeOf(typed: string, startedAt: number, duration: number): number | null {
  const found = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?$/.exec(typed.trim());
  if (!found) return null;
  const [hours = 0, minutes = 0, seconds = 0] = found.slice(1, 4).map((part) => Number(part ?? 0));
  if (hours > 23 || minutes > 59 || seconds > 59) return null;
  const day = new Date(startedAt * 1000);
  for (const later of [0, 1]) {
    const at = new Date(day.getFullYear(), day.getMonth(), day.getDate() + later, hours, minutes, seconds).getTime() / 1000 + Number(`0.${found[4] ?? 0}`);
    // The begin lies within a second that its typed form cuts.
    if (at - startedAt > -1 && at - startedAt <= duration + 1) return Math.max(0, Math.min(duration, at - startedAt));
  }
  return null;
}
