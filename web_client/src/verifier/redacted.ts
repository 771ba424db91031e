/** Segments of which chunks are left out (docs/record-format.md §9), as `recording/redacted.py` reads them. */
import { Absences } from "./absences";
import { digest, fromHex, hex, joined, type Bytes } from "./bytes";
import type { Findings } from "./findings";
import { byTrack, FormatError, lostBefore, readChunk, readHeader, type Chunk, type Header, type Heads, type Problem, type WriterChain } from "./hrec";
import type { Manifest, ObjectEntry } from "./manifest";
import { AROUND_US, touchesSpan, type Redacted, type Statement } from "./statement";

const MAGIC = [0x89, 0x48, 0x52, 0x45, 0x44, 0x0d, 0x0a, 0x01];
const CHUNK_MAGIC = 0x43484e4b;
const ABSENT_MAGIC = 0x474f4e45;
const ABSENT_BYTES = 37;
const HASH_BYTES = 32;
/** More than a segment ever has. */
const LEVEL_LIMIT = 24;
const LEAVES_LIMIT = 2 ** LEVEL_LIMIT;
/** Nothing of a writer is this much before its first record or after its last, us. */
const SLACK_US = AROUND_US;

export const leafHash = (data: Bytes): Promise<Bytes> => digest(joined([0], data));
export const nodeHash = (left: Bytes, right: Bytes): Promise<Bytes> => digest(joined([1], left, right));

export const redactedName = (name: string): string => name.replace(/\.hrec$/, ".redacted");

/** A tree that grows by leaves and by full subtrees (RFC 6962 §2.1). */
class Frontier {
  size = 0;
  private readonly roots: { level: number; hash: Bytes }[] = [];

  async append(hash: Bytes, level: number): Promise<void> {
    this.size += 2 ** level;
    let node = { level, hash };
    while (this.roots.at(-1)?.level === node.level) node = { level: node.level + 1, hash: await nodeHash(this.roots.pop()!.hash, node.hash) };
    this.roots.push(node);
  }

  async root(): Promise<Bytes> {
    let result = this.roots.at(-1)?.hash ?? (await digest(joined()));
    for (const { hash } of this.roots.slice(0, -1).reverse()) result = await nodeHash(hash, result);
    return result;
  }
}

interface ReadRedacted {
  header: Header | null;
  chunks: Chunk[];
  absent: [number, number][];
  tree: string;
  error: FormatError | null;
}

/** Check every hash in such a file.  Never throws for what is in it. */
export async function readRedacted(data: Bytes): Promise<ReadRedacted> {
  const [chunks, absent, tree]: [Chunk[], [number, number][], Frontier] = [[], [], new Frontier()];
  let header: Header | null = null;
  let error: FormatError | null = null;
  try {
    const [found, begin] = await headerOf(data);
    header = found;
    await tree.append(await leafHash(data.slice(begin - HASH_BYTES, begin)), 0);
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    for (let at = begin; at < data.length; ) {
      if (data.length - at >= 4 && view.getUint32(at) === CHUNK_MAGIC) {
        const [chunk, length] = await readChunk(data, at);
        chunks.push(chunk);
        await tree.append(await leafHash(chunk.sha256), 0);
        at += length;
      } else {
        const level = levelAt(view, at, tree.size);
        const last = absent.at(-1);
        if (last && last[0] + last[1] === tree.size) last[1] += 2 ** level;
        else absent.push([tree.size, 2 ** level]);
        await tree.append(data.slice(at + 5, at + ABSENT_BYTES), level);
        at += ABSENT_BYTES;
      }
    }
  } catch (wrong) {
    if (!(wrong instanceof FormatError)) throw wrong;
    error = wrong;
  }
  return { header, chunks, absent, tree: hex(await tree.root()), error };
}

async function headerOf(data: Bytes): Promise<[Header, number]> {
  if (data.length < MAGIC.length) throw new FormatError("truncated", 0);
  if (MAGIC.some((byte, at) => data[at] !== byte)) throw new FormatError("magic", 0);
  try {
    const [header, end] = await readHeader(data.subarray(MAGIC.length));
    return [header, MAGIC.length + end];
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(error.code, MAGIC.length + error.offset);
  }
}

/** The level of a subtree that is absent, which can begin after so many leaves. */
function levelAt(view: DataView, at: number, leaves: number): number {
  if (view.byteLength - at < ABSENT_BYTES) throw new FormatError("truncated", at);
  if (view.getUint32(at) !== ABSENT_MAGIC) throw new FormatError("chunk-magic", at);
  const level = view.getUint8(at + 4);
  if (level > LEVEL_LIMIT || leaves % 2 ** level || leaves + 2 ** level > LEAVES_LIMIT) throw new FormatError("absent-level", at);
  return level;
}

/** Whether such segments are what the court signed, and what is absent can be of a withheld time: its track goes on
 *  before and after it.  Fed with every segment in order. */
export class RedactedCheck {
  readonly told: Map<string, Redacted>;
  private readonly offsets: Map<string, { startUs: number; endUs: number; clockOffsetUs: number }>;
  private readonly ends = new Map<string, number>();
  private readonly absences: Absences;
  private readonly open = new Map<string, { writer: string; place: string }>();

  constructor(
    private readonly findings: Findings,
    manifest: Manifest,
    private readonly statement: Statement | null,
  ) {
    this.absences = new Absences(manifest, statement);
    this.told = new Map((statement?.redacted ?? []).map((entry) => [entry.name, entry]));
    this.offsets = new Map((manifest.writers ?? []).map((writer) => [writer.writer, writer]));
  }

  /** A segment that is absent as the statement says. */
  skipped(entry: ObjectEntry): void {
    const whole = this.statement?.version === 1 || entry.recovered === true || entry.treeSha256 === undefined;
    this.absences.absent(entry.writer, entry.name, whole);
  }

  /** A segment that is here, with all its chunks. */
  whole(writer: string, header: Header | null, chunks: Chunk[]): void {
    this.seen(writer, chunks);
    this.inFile(writer, header, chunks, [], "");
  }

  /** What stands in a segment's file, in order. */
  private inFile(writer: string, header: Header | null, chunks: Chunk[], runs: [number, number][], name: string): void {
    const offset = this.offsets.get(writer)?.clockOffsetUs ?? 0;
    const here = (firstUs: number, lastUs: number): boolean => this.absences.here(writer, firstUs + offset, lastUs + offset);
    let [at, next] = [1, 0];
    if (typeof header?.monoUs === "number") here(header.monoUs, header.monoUs);
    for (const chunk of chunks) {
      for (; runs[next]?.[0] === at; next += 1) {
        this.absences.absent(writer, name);
        at += runs[next]![1];
      }
      const lost = here(chunk.firstUs, chunk.lastUs) && lostBefore(chunk);
      if (lost) this.absences.lost(writer, lost[0] + offset, lost[1] + offset);
      at += 1;
    }
    if (next < runs.length) this.absences.absent(writer, name);
  }

  /** Chunks that are here, in order. */
  seen(writer: string, chunks: Chunk[]): void {
    if (this.told.size === 0) return;
    const offset = this.offsets.get(writer)?.clockOffsetUs ?? 0;
    for (const { track, firstUs, lastUs } of chunks) {
      const key = `${writer} ${track}`;
      this.close(key, firstUs + offset);
      this.ends.set(key, lastUs + offset);
    }
  }

  /** Check this file against what the manifest and the statement say of its segment. */
  take(entry: ObjectEntry, read: ReadRedacted, chain: WriterChain, heads: Heads): Problem[] {
    const name = redactedName(entry.name);
    if (read.error || !read.header) {
      this.findings.add("redacted-altered", read.error ? `${name} byte ${read.error.offset} (${read.error.code})` : name);
      return chain.skip(entry, heads);
    }
    this.inFile(entry.writer, read.header, read.chunks, read.absent, name);
    if (read.tree !== entry.treeSha256) this.findings.add("redacted-altered", `${name} (tree)`);
    if (JSON.stringify(read.absent) !== JSON.stringify(this.told.get(entry.name)!.absent)) this.findings.add("redacted-altered", `${name} (absent)`);
    const total = entry.chunks.reduce((sum, [, , count]) => sum + count, 0);
    if (read.absent.reduce((sum, [, count]) => sum + count, read.chunks.length) !== total) this.findings.add("redacted-altered", `${name} (count)`);
    const own = byTrack(read.chunks);
    for (const [track, first, count] of entry.chunks) {
      let expected = chain.tracks.get(track)?.chunks ?? 0;
      const absent = { writer: entry.writer, place: `${name} track ${track}` };
      for (const chunk of own.get(track) ?? []) {
        if (chunk.index > expected) this.open.set(`${entry.writer} ${track}`, absent);
        this.seen(entry.writer, [chunk]);
        expected = chunk.index + 1;
      }
      if (expected < first + count) this.open.set(`${entry.writer} ${track}`, absent);
    }
    return chain.resume(entry, heads, read.header, read.chunks);
  }

  /** Nothing more will be fed. */
  finish(): void {
    for (const name of new Set(this.absences.finish())) this.findings.add("chunk-unexplained", name);
    for (const [key, { writer }] of [...this.open]) this.close(key, (this.offsets.get(writer)?.endUs ?? 0) + SLACK_US);
  }

  private close(key: string, latestUs: number): void {
    const absent = this.open.get(key);
    if (!absent) return;
    this.open.delete(key);
    const earliestUs = this.ends.get(key) ?? (this.offsets.get(absent.writer)?.startUs ?? 0) - SLACK_US;
    if (!touchesSpan(this.statement?.spans ?? [], earliestUs, latestUs)) this.findings.add("chunk-unexplained", absent.place);
  }
}

/** Of each track of a writer, how many chunks it has and the hash of the last, as they were signed. */
export function headsOf(manifest: Manifest, writer: string): Heads {
  const own = manifest.tracks.filter((entry) => entry.writer === writer);
  return new Map(own.map(({ track, chunks, headSha256 }) => [track, { chunks, head: fromHex(headSha256) }]));
}
