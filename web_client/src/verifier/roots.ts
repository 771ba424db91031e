/** The roots that the sitting's log took down (docs/record-format.md §4), made again as `recording/roots.py` does. */
import { digest, fromHex, hex, joined, same, utf8, type Bytes } from "./bytes";
import type { WriterChain } from "./hrec";
import { leafHash, nodeHash } from "./redacted";
import { atUs } from "./sentences";

interface Root {
  at: Date;
  segments: [string, number][];
  media: Bytes;
  logHead: Bytes;
}

/** Feed `seen` after every segment. */
export class RootCheck {
  private readonly roots: Root[] = [];
  private unreadable = 0;
  private readonly asked = new Set<string>();
  private readonly leaves = new Map<string, Bytes[]>();
  /** Points at which some head is not known, since its chunk was left out of this copy. */
  private readonly unknown = new Set<string>();

  constructor(events: unknown[]) {
    for (const event of events) {
      if ((event as { name?: unknown } | null)?.name !== "root") continue;
      try {
        this.roots.push(readRoot(event));
      } catch {
        this.unreadable += 1;
      }
    }
    for (const { segments } of this.roots) for (const [writer, count] of segments) this.asked.add(`${writer} ${count}`);
  }

  /** One more segment of this writer was fed to its chain. */
  async seen(writer: string, chain: WriterChain): Promise<void> {
    const point = `${writer} ${chain.nextSegment}`;
    if (!this.asked.has(point)) return;
    if ([...chain.tracks.values()].some(({ head }) => head.length === 0)) {
      this.unknown.add(point);
      return;
    }
    const tracks = [...chain.tracks].sort(([a], [b]) => a - b);
    this.leaves.set(
      point,
      await Promise.all(
        tracks.map(([track, { chunks, head }]) => leafHash(utf8(JSON.stringify({ chunks, headSha256: hex(head), track, writer })))),
      ),
    );
  }

  /** How many roots fit, when those were written that do not, the last one that fits, and how many cannot be made. */
  async outcome(): Promise<{ fit: number; wrong: Date[]; last: string; unchecked: number }> {
    const wrong = Array.from({ length: this.unreadable }, () => new Date(0));
    let [fit, last, unchecked] = [0, "", 0];
    for (const { at, segments, media, logHead } of this.roots) {
      if (segments.some(([writer, count]) => this.unknown.has(`${writer} ${count}`))) {
        unchecked += 1;
        continue;
      }
      const parts = segments.map(([writer, count]) => this.leaves.get(`${writer} ${count}`));
      if (parts.every((part) => part) && same(await treeRoot(parts.flatMap((part) => part ?? [])), media)) {
        fit += 1;
        last = hex(await nodeHash(await leafHash(logHead), media));
      } else wrong.push(at);
    }
    return { fit, wrong, last, unchecked };
  }
}

/** Throws if the entry is not as the court writes it. */
function readRoot(event: unknown): Root {
  const { detail, prev_hash: head, utc } = event as { detail: { media: string; segments?: Record<string, number> }; prev_hash: string; utc: number };
  // Nothing may stand for none where it is left out, but not where it is said.
  const told = detail.segments === undefined ? {} : detail.segments;
  const segments = Object.entries(told).sort(([a], [b]) => (a < b ? -1 : 1));
  if (typeof told !== "object" || Array.isArray(told) || ![utc, ...segments.map(([, count]) => count)].every(Number.isInteger)) throw new RangeError("not a root");
  return { at: atUs(Math.floor(utc / 1000)), segments, media: fromHex(detail.media), logHead: fromHex(head) };
}

/** MTH of RFC 6962 §2.1. */
async function treeRoot(leaves: Bytes[]): Promise<Bytes> {
  if (leaves.length === 0) return digest(joined());
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return leaves.length === 1 ? leaves[0]! : nodeHash(await treeRoot(leaves.slice(0, split)), await treeRoot(leaves.slice(split)));
}
