/** Segment files of a record and their chains (docs/record-format.md §2), as `recording/chain.py` checks them. */
import { digest, fromHex, hex, same, type Bytes } from "./bytes";

const MAGIC = [0x89, 0x48, 0x52, 0x45, 0x43, 0x0d, 0x0a, 0x01];
const CHUNK_MAGIC = 0x43484e4b;
const HASH_BYTES = 32;
const CHUNK_HEAD_BYTES = 84;
const CHUNK_OVERHEAD_BYTES = CHUNK_HEAD_BYTES + HASH_BYTES;
const CHUNK_LIMIT_BYTES = 16 * 1024 * 1024;
const HEADER_LIMIT_BYTES = 64 * 1024;
const RECORD_HEAD_BYTES = 13;
const RECORDING_TRACK = 0;
const NOTE = 3;
const NONE = new Uint8Array(HASH_BYTES);
/** The head of a chain whose last chunk was left out of this copy, until something says its hash. */
const UNKNOWN = new Uint8Array(0);

export interface Problem {
  code: string;
  place: string;
}

/** What the manifest says of a segment that is not here: `chunks` are track, index of the first, and how many. */
interface Skipped {
  name: string;
  segment: number;
  sha256: string;
  chunks: [number, number, number][];
}

export interface Header {
  recordingId: string;
  writer: string;
  segment: number;
  previousSha256: string;
  monoUs?: number;
}

export interface Chunk {
  track: number;
  index: number;
  count: number;
  /** Monotonic clock, us. */
  firstUs: number;
  lastUs: number;
  previous: Bytes;
  sha256: Bytes;
  payload: DataView;
}

export interface Segment {
  name: string;
  size: number;
  sha256: string;
  header: Header | null;
  chunks: Chunk[];
  tracks: number[];
  problems: Problem[];
  recovered: boolean;
}

export class FormatError extends Error {
  constructor(readonly code: string, readonly offset: number) {
    super(code);
  }
}

/** Of each track, how many chunks it has and the hash of the last. */
export type Heads = Map<number, { chunks: number; head: Bytes }>;

/** The chains of one writer after the segments that were fed so far. */
export class WriterChain {
  readonly tracks = new Map<number, { chunks: number; head: Bytes }>();
  /** How many segments were fed, as the last one counts them. */
  nextSegment = 0;
  private previous: Bytes = NONE;

  constructor(private readonly recordingId: string, private readonly writer: string) {}

  /** Check and take the next segment.  Never throws: what is wrong is listed, and what is whole is kept. */
  async feed(name: string, data: Bytes): Promise<Segment> {
    const problems: Problem[] = [];
    const sha256 = await digest(data);
    const chunks: Chunk[] = [];
    let header: Header | null = null;
    try {
      const [found, begin] = await readHeader(data);
      header = found;
      this.checkHeader(header, name, problems);
      for (let at = begin; at < data.length; ) {
        const [chunk, length] = await readChunk(data, at);
        chunks.push(chunk);
        at += length;
      }
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      problems.push({ code: error.code, place: `${name} byte ${error.offset}` });
    }
    const tracks = this.checkChunks(name, chunks, problems);
    const [recovered, closes] = lastNotes(chunks);
    if (!closes && problems.length === 0) problems.push({ code: "segment-unfinished", place: name });
    this.nextSegment = header ? header.segment + 1 : this.nextSegment + 1;
    this.previous = sha256;
    return { name, size: data.length, sha256: hex(sha256), header, chunks, tracks, problems, recovered };
  }

  /** Go on after a segment that is left out of this copy, by what the signed manifest says of it. */
  skip(entry: Skipped, heads: Heads): Problem[] {
    const { name, segment } = entry;
    const problems: Problem[] = [];
    if (segment !== this.nextSegment) problems.push({ code: "segment-missing", place: `${name} follows segment ${this.nextSegment - 1}` });
    for (const [track, first, count] of entry.chunks) {
      const before = this.tracks.get(track)?.chunks ?? 0;
      if (first !== before) problems.push({ code: "chunk-missing", place: `${name} track ${track} chunk ${before}` });
      const end = heads.get(track);
      this.tracks.set(track, { chunks: first + count, head: end?.chunks === first + count ? end.head : UNKNOWN });
    }
    this.nextSegment = segment + 1;
    this.previous = fromHex(entry.sha256);
    return problems;
  }

  /** Take the chunks that this copy has of a segment, others of which are left out. */
  resume(entry: Skipped, heads: Heads, header: Header, chunks: Chunk[]): Problem[] {
    const problems: Problem[] = [];
    const { name } = entry;
    this.checkHeader(header, name, problems);
    const here = byTrack(chunks);
    const listed = new Set(entry.chunks.map(([track]) => track));
    for (const [track, first, count] of entry.chunks) {
      const chain = this.tracks.get(track) ?? { chunks: 0, head: NONE };
      const missing = () => problems.push({ code: "chunk-missing", place: `${name} track ${track} chunk ${chain.chunks}` });
      const own = here.get(track) ?? [];
      if (first !== chain.chunks) missing();
      for (const { index, previous, sha256 } of own) {
        if (index < chain.chunks || index >= first + count) missing();
        else if (index === chain.chunks && chain.head.length > 0 && !same(previous, chain.head)) problems.push({ code: "chunk-chain", place: `${name} track ${track} chunk ${index}` });
        [chain.chunks, chain.head] = [index + 1, sha256];
      }
      if (own.at(-1)?.index !== first + count - 1) {
        const end = heads.get(track);
        chain.chunks = first + count;
        chain.head = end?.chunks === chain.chunks ? end.head : UNKNOWN;
      }
      this.tracks.set(track, chain);
    }
    for (const track of new Set(chunks.map((chunk) => chunk.track).filter((each) => !listed.has(each)))) problems.push({ code: "chunk-missing", place: `${name} track ${track}` });
    this.nextSegment = header.segment + 1;
    this.previous = fromHex(entry.sha256);
    return problems;
  }

  private checkHeader(header: Header, name: string, problems: Problem[]): void {
    if (header.recordingId !== this.recordingId || header.writer !== this.writer) problems.push({ code: "segment-foreign", place: name });
    if (header.segment !== this.nextSegment) problems.push({ code: "segment-missing", place: `${name} follows segment ${this.nextSegment - 1}` });
    else if (header.previousSha256 !== hex(this.previous)) problems.push({ code: "segment-chain", place: name });
  }

  private checkChunks(name: string, chunks: Chunk[], problems: Problem[]): number[] {
    const seen = new Set<number>();
    for (const chunk of chunks) {
      const chain = this.tracks.get(chunk.track) ?? { chunks: 0, head: NONE };
      if (chunk.index !== chain.chunks) problems.push({ code: "chunk-missing", place: `${name} track ${chunk.track} chunk ${chain.chunks}` });
      else if (chain.head.length > 0 && !same(chunk.previous, chain.head)) problems.push({ code: "chunk-chain", place: `${name} track ${chunk.track} chunk ${chunk.index}` });
      this.tracks.set(chunk.track, { chunks: chunk.index + 1, head: chunk.sha256 });
      seen.add(chunk.track);
    }
    return [...seen].filter((track) => track !== RECORDING_TRACK);
  }
}

export function byTrack(chunks: Chunk[]): Map<number, Chunk[]> {
  const found = new Map<number, Chunk[]>();
  for (const chunk of chunks) {
    const own = found.get(chunk.track);
    if (own) own.push(chunk);
    else found.set(chunk.track, [chunk]);
  }
  return found;
}

export async function readHeader(data: Bytes): Promise<[Header, number]> {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (data.length < MAGIC.length) throw new FormatError("truncated", 0);
  if (MAGIC.some((byte, at) => data[at] !== byte)) throw new FormatError("magic", 0);
  if (data.length < 12) throw new FormatError("truncated", 8);
  const length = view.getUint32(8);
  if (length > HEADER_LIMIT_BYTES) throw new FormatError("header-length", 8);
  const end = 12 + length;
  if (data.length < end + HASH_BYTES) throw new FormatError("truncated", 12);
  if (!same(await digest(data.subarray(0, end)), data.subarray(end, end + HASH_BYTES))) throw new FormatError("header-hash", 12);
  try {
    const header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data.subarray(12, end))) as Header;
    if (typeof header.segment === "number" && typeof header.previousSha256 === "string") return [header, end + HASH_BYTES];
  } catch {
    // said below
  }
  throw new FormatError("header-json", 12);
}

export async function readChunk(data: Bytes, at: number): Promise<[Chunk, number]> {
  if (data.length - at < CHUNK_OVERHEAD_BYTES) throw new FormatError("truncated", at);
  const view = new DataView(data.buffer, data.byteOffset + at, data.length - at);
  if (view.getUint32(0) !== CHUNK_MAGIC) throw new FormatError("chunk-magic", at);
  const length = view.getUint32(4);
  if (length < CHUNK_OVERHEAD_BYTES || length > CHUNK_LIMIT_BYTES) throw new FormatError("chunk-length", at);
  if (data.length - at < length) throw new FormatError("truncated", at);
  const end = at + length - HASH_BYTES;
  const sha256 = await digest(data.subarray(at, end));
  if (!same(sha256, data.subarray(end, end + HASH_BYTES))) throw new FormatError("chunk-hash", at);
  const previous = data.slice(at + CHUNK_HEAD_BYTES - HASH_BYTES, at + CHUNK_HEAD_BYTES);
  const payload = new DataView(data.buffer, data.byteOffset + at + CHUNK_HEAD_BYTES, length - CHUNK_OVERHEAD_BYTES);
  const us = (place: number): number => Number(view.getBigUint64(place) / 1000n);
  const [firstUs, lastUs] = [us(20), us(28)];
  return [{ track: view.getUint32(8), index: view.getUint32(12), count: view.getUint32(16), firstUs, lastUs, previous, sha256, payload }, length];
}

/** Whether the segment was recovered after a crash, and whether it is closed at all. */
function lastNotes(chunks: Chunk[]): [boolean, boolean] {
  const last = chunks.at(-1);
  if (!last || last.track !== RECORDING_TRACK) return [false, false];
  const notes = notesOf(last);
  const recovered = notes.includes("recovered");
  return [recovered, recovered || notes.includes("segment-end")];
}

function notesOf(chunk: Chunk): string[] {
  return notesIn(chunk).map(({ note }) => String(note));
}

/** Begin and end of what could not be written before this chunk, monotonic us: said by its first record. */
export function lostBefore(chunk: Chunk): [number, number] | null {
  if (chunk.payload.byteLength < RECORD_HEAD_BYTES || chunk.payload.getUint8(0) !== NOTE) return null;
  const { note, fromMonoNs, toMonoNs } = notesIn(chunk)[0] ?? {};
  return note === "lost" && typeof fromMonoNs === "number" && typeof toMonoNs === "number" ? [fromMonoNs / 1000, toMonoNs / 1000] : null;
}

interface Note {
  note?: unknown;
  fromMonoNs?: unknown;
  toMonoNs?: unknown;
}

function notesIn({ payload }: Chunk): Note[] {
  const found: Note[] = [];
  for (let at = 0; at + RECORD_HEAD_BYTES <= payload.byteLength; ) {
    const length = payload.getUint32(at + 9);
    if (at + RECORD_HEAD_BYTES + length > payload.byteLength) return [];
    if (payload.getUint8(at) === NOTE) {
      try {
        const text = new TextDecoder().decode(new Uint8Array(payload.buffer, payload.byteOffset + at + RECORD_HEAD_BYTES, length));
        const note = JSON.parse(text) as Note | null;
        found.push(typeof note === "object" && note ? note : { note: "unreadable" });
      } catch {
        found.push({ note: "unreadable" });
      }
    }
    at += RECORD_HEAD_BYTES + length;
  }
  return found;
}
