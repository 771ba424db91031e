/** Reads ZIP files (PKWARE's APPNOTE 6.3.10): stored and deflated entries, also above 4 GB. */
import { same, type Source } from "./bytes";

const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
/** Bit 0 of the flags (4.4.4). */
const ENCRYPTED = 1;
const STORED = 0;
const DEFLATED = 8;
/** An end record with the longest comment. */
const TAIL_BYTES = 65_557;
const MAX_ENTRIES = 1_000_000;
const FULL_16 = 0xffff;
const FULL_32 = 0xffffffff;

export class ZipProblem extends Error {}

interface Directory {
  at: number;
  size: number;
  entries: number;
}

const view = async (file: Blob, at: number, size: number): Promise<DataView> => {
  if (at < 0 || at + size > file.size) throw new ZipProblem("truncated");
  return new DataView(await file.slice(at, at + size).arrayBuffer());
};

const big = (data: DataView, at: number): number => Number(data.getBigUint64(at, true));

/** The files in a ZIP file, none of them read yet.  Throws `ZipProblem`. */
export async function entriesOf(file: Blob): Promise<Source[]> {
  const directory = await findDirectory(file);
  const data = await view(file, directory.at, directory.size);
  const found = new Map<string, Source>();
  let at = 0;
  for (let index = 0; index < directory.entries; index++) {
    if (at + 46 > data.byteLength || data.getUint32(at, true) !== ENTRY) throw new ZipProblem("entry");
    const [nameSize, extraSize, commentSize] = [28, 30, 32].map((offset) => data.getUint16(at + offset, true)) as [number, number, number];
    const nameEnd = at + 46 + nameSize;
    if (nameEnd + extraSize + commentSize > data.byteLength) throw new ZipProblem("entry");
    const name = new TextDecoder().decode(new Uint8Array(data.buffer, at + 46, nameSize));
    const method = data.getUint16(at + 10, true);
    const [packed, size, start] = sizes(data, at, nameEnd, extraSize);
    // Other programs would find other files in it, or could not read them.
    if (found.has(name) || name.includes("\0") || data.getUint16(at + 8, true) & ENCRYPTED) throw new ZipProblem("two meanings");
    const bytes = new Uint8Array(data.buffer, at + 46, nameSize);
    if (!name.endsWith("/")) found.set(name, { name, size, blob: () => whole(unpack(file, method, start, packed, bytes), size) });
    at = nameEnd + extraSize + commentSize;
  }
  if (at !== directory.size) throw new ZipProblem("two meanings");
  return [...found.values()];
}

async function findDirectory(file: Blob): Promise<Directory> {
  const begin = Math.max(0, file.size - TAIL_BYTES);
  const tail = await view(file, begin, file.size - begin);
  for (let at = tail.byteLength - 22; at >= 0; at--) {
    if (tail.getUint32(at, true) !== END) continue;
    const directory = { entries: tail.getUint16(at + 10, true), size: tail.getUint32(at + 12, true), at: tail.getUint32(at + 16, true) };
    const result = (await findDirectory64(file, begin + at)) ?? directory;
    const fits = directory.entries === FULL_16 || directory.entries === result.entries;
    if (!fits || (directory.at !== FULL_32 && directory.at !== result.at)) throw new ZipProblem("two meanings");
    if (result.entries > MAX_ENTRIES) throw new ZipProblem("too many entries");
    return result;
  }
  throw new ZipProblem("no directory");
}

/** What the newer end record says (4.3.14), if there is one: programs heed one or the other. */
async function findDirectory64(file: Blob, end: number): Promise<Directory | null> {
  const locator = end < 20 ? null : await view(file, end - 20, 20);
  if (locator?.getUint32(0, true) !== LOCATOR_64) return null;
  const record = await view(file, big(locator, 8), 56);
  if (record.getUint32(0, true) !== END_64) throw new ZipProblem("no directory");
  return { entries: big(record, 32), size: big(record, 40), at: big(record, 48) };
}

/** Packed size, size and place of an entry; those that do not fit 32 bits stand in an extra field (4.5.3). */
function sizes(data: DataView, at: number, extraAt: number, extraSize: number): [number, number, number] {
  let [packed, size, start] = [data.getUint32(at + 20, true), data.getUint32(at + 24, true), data.getUint32(at + 42, true)];
  for (let field = extraAt; field + 4 <= extraAt + extraSize; ) {
    const [id, length] = [data.getUint16(field, true), data.getUint16(field + 2, true)];
    let value = field + 4;
    const next = value + length;
    const take = (): number => {
      if (value + 8 > Math.min(next, extraAt + extraSize)) throw new ZipProblem("entry");
      value += 8;
      return big(data, value - 8);
    };
    if (id === 1) {
      if (size === FULL_32) size = take();
      if (packed === FULL_32) packed = take();
      if (start === FULL_32) start = take();
    }
    field = next;
  }
  return [packed, size, start];
}

/** What was unpacked, if it is as long as the directory says. */
async function whole(unpacked: Promise<Blob>, size: number): Promise<Blob> {
  const found = await unpacked;
  if (found.size !== size) throw new ZipProblem("two sizes");
  return found;
}

async function unpack(file: Blob, method: number, start: number, packed: number, name: Uint8Array): Promise<Blob> {
  const local = await view(file, start, 30);
  if (local.getUint32(0, true) !== LOCAL) throw new ZipProblem("entry");
  const at = start + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  const here = await view(file, start + 30, local.getUint16(26, true));
  if (!same(new Uint8Array(here.buffer), name)) throw new ZipProblem("two names");
  if (at + packed > file.size) throw new ZipProblem("truncated");
  const bytes = file.slice(at, at + packed);
  if (method === STORED) return bytes;
  if (method !== DEFLATED) throw new ZipProblem("packed in an unknown way");
  try {
    return await new Response(bytes.stream().pipeThrough(new DecompressionStream("deflate-raw"))).blob();
  } catch {
    throw new ZipProblem("damaged");
  }
}
