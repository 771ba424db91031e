/** All participants' files on one timeline: one master clock, every element kept in step with it. */
import { untrack } from "svelte";
import type { TrackRow } from "../lib/generated/api";
import { correction } from "./sync";

const BEAT_MS = 100;
/** An element that cannot play for this long no longer holds up the others. */
const PATIENCE_MS = 8000;
export const RATES = [0.5, 1, 1.25, 1.5, 2];

interface Seat {
  track: TrackRow;
  element: HTMLVideoElement;
  waitingSince: number | null;
}

export class Player {
  readonly duration: number;
  /** Told of each stretch that was played without a break. */
  onplayed: ((from: number, to: number, rate: number) => void) | null = null;
  #playedFrom: number | null = null;
  position = $state(0);
  playing = $state(false);
  rate = $state(1);
  /** Waiting for data of at least one element. */
  held = $state(false);
  muted = $state<Record<string, boolean>>({});
  solo = $state<string | null>(null);
  /** Largest distance of any playing element from the master clock at the last beat, s. */
  drift = $state(0);

  #seats = new Map<string, Seat>();
  #anchorMs = 0;
  #anchorPosition = 0;
  #timer: number | undefined;

  constructor(duration: number) {
    this.duration = duration;
  }

  attach(track: TrackRow, element: HTMLVideoElement): () => void {
    this.#seats.set(track.url, { track, element, waitingSince: null });
    // A record that was opened at a place shows it before it plays.  Untracked: an attachment that depends on the
    // position would be made anew at every beat, and nothing would ever play.
    untrack(() => {
      if (this.position > 0 && this.#covers(track)) element.currentTime = this.position - track.offsetS;
    });
    this.#timer ??= window.setInterval(() => this.#beat(), BEAT_MS);
    return () => {
      element.pause();
      this.#seats.delete(track.url);
      if (this.#seats.size === 0) {
        window.clearInterval(this.#timer);
        this.#timer = undefined;
      }
    };
  }

  toggle(): void {
    if (this.playing) return this.pause();
    if (this.position >= this.duration) this.seek(0);
    this.playing = true;
    this.#playedFrom = this.position;
    this.#anchor(this.position);
    // Inside the person's gesture, so that no browser refuses the sound.
    for (const { track, element } of this.#seats.values()) if (this.#covers(track)) void this.#start(element);
  }

  /** What was played up to now is told; it goes on from here. */
  tell(): void {
    const from = this.#playedFrom;
    if (from !== null && this.position > from) this.onplayed?.(from, this.position, this.rate);
    this.#playedFrom = this.playing ? this.position : null;
  }

  pause(): void {
    this.playing = false;
    this.tell();
    this.held = false;
    for (const { element } of this.#seats.values()) element.pause();
  }

  seek(position: number): void {
    this.tell();
    this.#playedFrom = this.playing ? Math.max(0, Math.min(this.duration, position)) : null;
    this.#anchor(Math.max(0, Math.min(this.duration, position)));
    for (const { track, element } of this.#seats.values()) {
      if (this.#covers(track)) element.currentTime = this.position - track.offsetS;
    }
  }

  /** The next speed up (1) or down (-1). */
  changeRate(by: 1 | -1): void {
    const next = RATES[RATES.indexOf(this.rate) + by];
    if (next !== undefined) this.setRate(next);
  }

  setRate(rate: number): void {
    this.tell();
    this.#anchor(this.position);
    this.rate = rate;
  }

  setMuted(personId: string, muted: boolean): void {
    this.tell();
    this.muted[personId] = muted;
    this.#silence();
  }

  setSolo(personId: string | null): void {
    this.tell();
    this.solo = personId;
    this.#silence();
  }

  covers(track: TrackRow): boolean {
    return this.#covers(track);
  }

  #covers(track: TrackRow): boolean {
    const at = this.position - track.offsetS;
    return at >= 0 && at < track.durationS;
  }

  #anchor(position: number): void {
    this.#anchorMs = performance.now();
    this.#anchorPosition = position;
    this.position = position;
  }

  async #start(element: HTMLVideoElement): Promise<void> {
    try {
      await element.play();
    } catch {
      // paused again before it began, or no data yet: the next beat looks again
    }
  }

  /** Whose sound is heard; nothing: everybody's. */
  get heard(): string[] | null {
    if (this.solo !== null) return [this.solo];
    const people = [...new Set([...this.#seats.values()].map((seat) => seat.track.personId))];
    const heard = people.filter((person) => !this.muted[person]);
    return heard.length < people.length ? heard : null;
  }

  #silence(): void {
    for (const { track, element } of this.#seats.values()) {
      element.muted = this.solo === null ? (this.muted[track.personId] ?? false) : this.solo !== track.personId;
    }
  }

  #beat(): void {
    if (!this.playing) return;
    const now = performance.now();
    const seats = [...this.#seats.values()];
    const waiting = seats.filter((seat) => this.#covers(seat.track) && this.#waits(seat, now));
    if (waiting.length > 0) {
      this.held = true;
      this.#anchor(this.position);
      for (const { element } of seats) element.pause();
      return;
    }
    if (this.held) {
      this.held = false;
      this.#anchor(this.position);
    }
    this.position = Math.min(this.duration, this.#anchorPosition + ((now - this.#anchorMs) / 1000) * this.rate);
    if (this.position >= this.duration) return this.pause();
    this.#keepInStep(seats);
  }

  #keepInStep(seats: Seat[]): void {
    let drift = 0;
    for (const { track, element } of seats) {
      if (!this.#covers(track) || element.error) {
        element.pause();
        continue;
      }
      const want = this.position - track.offsetS;
      if (element.paused) {
        if (Math.abs(element.currentTime - want) > 0.05) element.currentTime = want;
        void this.#start(element);
        continue;
      }
      if (element.seeking) continue;
      drift = Math.max(drift, Math.abs(element.currentTime - want));
      const step = correction(want, element.currentTime, this.rate);
      if ("seek" in step) element.currentTime = step.seek;
      else if (Math.abs(element.playbackRate - step.rate) > 0.001) element.playbackRate = step.rate;
    }
    this.drift = drift;
  }

  #waits(seat: Seat, now: number): boolean {
    const { element } = seat;
    const ready = element.error !== null || element.ended || (!element.seeking && element.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA);
    if (ready) {
      seat.waitingSince = null;
      return false;
    }
    seat.waitingSince ??= now;
    return now - seat.waitingSince < PATIENCE_MS;
  }
}
