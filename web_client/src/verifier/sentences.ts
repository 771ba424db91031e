/** Times as findings say them, in English and in Chinese; the same as `recording/sentences.py`. */
import type { Span } from "./manifest";

/** A time, UTC. */
export function momentWords(at: Date): [string, string] {
  const [day, clock] = [at.toISOString().slice(0, 10), at.toISOString().slice(11, 19)];
  return [`${day} ${clock} UTC`, `${dayZh(at)} ${clock}（UTC）`];
}

/** Begin and end. */
export function periodWords(startUs: number, endUs: number): [string, string] {
  const [begin, end] = [atUs(startUs), atUs(endUs).toISOString().slice(11, 19)];
  const [day, clock] = [begin.toISOString().slice(0, 10), begin.toISOString().slice(11, 19)];
  return [`from ${day} ${clock} to ${end} UTC`, `${dayZh(begin)} ${clock} 至 ${end}（UTC）`];
}

/** Begin and length. */
export function spanWords(span: Span): [string, string] {
  const start = atUs(span.startUs);
  const text = start.toISOString();
  const [day, clock, seconds] = [text.slice(0, 10), text.slice(11, 23), (span.durationUs / 1e6).toFixed(3)];
  return [`${seconds} s from ${day} ${clock} UTC`, `${dayZh(start)} ${clock}（UTC）起 ${seconds} 秒`];
}

/** The end of the year 9999, ms. */
const LAST_MS = 253_402_300_799_000;

/** Wall clock in us, as manifests have it; a forged record may say any. */
export function atUs(us: number): Date {
  return new Date(Math.min(Math.max(Math.floor(us / 1000), 0), LAST_MS));
}

function dayZh(at: Date): string {
  return `${at.getUTCFullYear()}年${at.getUTCMonth() + 1}月${at.getUTCDate()}日`;
}
