/** The court's clock, estimated from the answers to pings (the method of RFC 5905 §10: trust the shortest round trip). */

const SAMPLES = 8;

interface Sample {
  offset: number;
  roundTrip: number;
}

export class CourtClock {
  #samples: Sample[] = [];

  /** One answer: local send and receive times in ms on one monotonic clock, the server's time in s since 1970. */
  add(sentMs: number, receivedMs: number, serverTime: number): void {
    if (receivedMs < sentMs) return;
    const offset = serverTime - (sentMs + receivedMs) / 2000;
    this.#samples.push({ offset, roundTrip: receivedMs - sentMs });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }

  get known(): boolean {
    return this.#samples.length > 0;
  }

  /** Seconds to add to local time. */
  get offset(): number {
    const [first, ...rest] = this.#samples;
    if (!first) return 0;
    return rest.reduce((best, sample) => (sample.roundTrip <= best.roundTrip ? sample : best), first).offset;
  }

  /** The court's time, s since 1970, at a local time in ms. */
  at(localMs: number): number {
    return localMs / 1000 + this.offset;
  }
}
