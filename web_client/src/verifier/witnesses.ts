/** The record's outside witnesses: the court's transparency log (RFC 6962, C2SP checkpoints) and a time-stamp (RFC 3161). */
import { ed25519 } from "@noble/curves/ed25519.js";
import { digest, fromBase64, joined, same, utf8, type Bytes } from "./bytes";

const HASH_BYTES = 32;
const KEY_HASH_BYTES = 4;
const MAX_PROOF_HASHES = 64;
/** Of proofs and entries, where they do not say it. */
const VERSION = 1;

/** A public key of Ed25519: PEM, SubjectPublicKeyInfo.  Throws `RangeError`. */
export function readKey(pem: string): Bytes {
  const found = /-----BEGIN PUBLIC KEY-----([\sA-Za-z0-9+/=]+)-----END PUBLIC KEY-----/.exec(pem);
  const der = fromBase64((found?.[1] ?? "").replace(/\s/g, ""));
  const head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
  if (der.length !== head.length + 32 || head.some((byte, at) => der[at] !== byte)) throw new RangeError("not an Ed25519 key");
  return der.slice(head.length);
}

export function signed(key: Bytes, data: Uint8Array, signature: Uint8Array): boolean {
  try {
    return signature.length === 64 && ed25519.verify(signature, data, key);
  } catch {
    return false;
  }
}

interface Entry {
  manifestSha256: string;
  sealedUs: number;
  sittingId: string;
  version: number;
}

export interface Inclusion {
  entry: Entry;
  index: number;
  size: number;
  proof: string[];
  checkpoint: string;
  version: number;
}

/** The same of a statement that the court signed beside a record. */
export interface StatementInclusion {
  entry: { madeUs: number; sittingId: string; statementSha256: string; version: number };
  index: number;
  size: number;
  proof: string[];
  checkpoint: string;
  version: number;
}

/** What is wrong with the proof that the log has this record, or nothing. */
export async function checkInclusion(found: Inclusion, wanted: string, key: Bytes): Promise<string | null> {
  if (found.entry?.manifestSha256 !== wanted) return "entry";
  const { manifestSha256, sealedUs, sittingId, version = VERSION } = found.entry;
  return wrongProof(found, { manifestSha256, sealedUs, sittingId, version }, key);
}

/** The same of a statement. */
export async function checkStatement(found: StatementInclusion, wanted: string, key: Bytes): Promise<string | null> {
  if (found.entry?.statementSha256 !== wanted) return "entry";
  const { madeUs, sittingId, statementSha256, version = VERSION } = found.entry;
  return wrongProof(found, { madeUs, sittingId, statementSha256, version }, key);
}

/** `entry` is as the court writes it: canonical, keys in order. */
async function wrongProof(found: Inclusion | StatementInclusion, entry: object, key: Bytes): Promise<string | null> {
  if ((found.version ?? VERSION) !== VERSION) return "entry";
  let head: { size: number; root: Bytes } | null;
  let proof: Bytes[];
  try {
    head = await readCheckpoint(found.checkpoint, key);
    proof = found.proof.map(fromBase64);
  } catch {
    return "checkpoint";
  }
  if (!head || head.size !== found.size || proof.length > MAX_PROOF_HASHES) return "checkpoint";
  const leaf = await digest(joined([0], utf8(JSON.stringify(entry))));
  return (await includes(leaf, found.index, head.size, proof, head.root)) ? null : "proof";
}

async function readCheckpoint(note: string, key: Bytes): Promise<{ size: number; root: Bytes } | null> {
  const cut = note.indexOf("\n\n");
  if (cut < 0) return null;
  const text = note.slice(0, cut + 1);
  const [origin = "", size = "", root = "", rest] = text.split("\n");
  if (!origin || rest !== "" || !/^(0|[1-9][0-9]*)$/.test(size)) return null;
  const keyHash = (await digest(joined(utf8(`${origin}\n`), [1], key))).slice(0, KEY_HASH_BYTES);
  for (const line of note.slice(cut + 2).split("\n")) {
    const prefix = `\u2014 ${origin} `;
    if (!line.startsWith(prefix)) continue;
    const raw = fromBase64(line.slice(prefix.length));
    if (same(raw.slice(0, KEY_HASH_BYTES), keyHash) && signed(key, utf8(text), raw.slice(KEY_HASH_BYTES))) {
      return { size: Number(size), root: fromBase64(root) };
    }
  }
  return null;
}

/** Names of those who signed below the log's own signature, as they call themselves; nothing is checked. */
export function signers(note: string): string[] {
  const origin = note.slice(0, note.indexOf("\n"));
  const lines = note.slice(note.indexOf("\n\n") + 2).split("\n");
  return lines.map((line) => line.split(" ")).flatMap(([, name, , more]) => (name && name !== origin && more === undefined ? [name] : []));
}

/** RFC 9162 §2.1.3.2. */
async function includes(leaf: Bytes, index: number, size: number, proof: Bytes[], root: Bytes): Promise<boolean> {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size || root.length !== HASH_BYTES) return false;
  let [number, last, result] = [index, size - 1, leaf];
  const half = (value: number): number => Math.floor(value / 2);
  for (const hash of proof) {
    if (last === 0) return false;
    if (number % 2 === 1 || number === last) {
      result = await digest(joined([1], hash, result));
      while (number !== 0 && number % 2 === 0) [number, last] = [half(number), half(last)];
    } else {
      result = await digest(joined([1], result, hash));
    }
    [number, last] = [half(number), half(last)];
  }
  return last === 0 && same(result, root);
}

/** An element of DER (X.690): its tag, and where its content is. */
interface Element {
  tag: number;
  at: number;
  end: number;
}

function element(der: Bytes, at: number, limit: number): Element {
  let size = der[at + 1] ?? 0;
  let begin = at + 2;
  if (size > 0x80 && size <= 0x84) {
    const count = size - 0x80;
    size = der.subarray(begin, begin + count).reduce((sum, byte) => sum * 256 + byte, 0);
    begin += count;
  } else if (size >= 0x80) throw new RangeError("DER");
  if (begin + size > limit) throw new RangeError("DER");
  return { tag: der[at] ?? 0, at: begin, end: begin + size };
}

function inside(der: Bytes, outer: Element): Element[] {
  const found: Element[] = [];
  for (let at = outer.at; at < outer.end; at = found.at(-1)!.end) found.push(element(der, at, outer.end));
  return found;
}

const part = (elements: Element[], index: number, tag: number): Element => {
  const found = elements[index];
  if (!found || found.tag !== tag) throw new RangeError("not a time-stamp");
  return found;
};

const [SEQUENCE, OCTETS, CONTEXT_0, TIME] = [0x30, 0x04, 0xa0, 0x18];

/** The time that a token (TimeStampResp) gives bytes of this SHA-256; its signature is not looked at.  Throws `RangeError`. */
export async function stampedAt(token: Bytes, sha256: Bytes): Promise<Date> {
  const response = inside(token, part([element(token, 0, token.length)], 0, SEQUENCE));
  const content = inside(token, part(inside(token, part(response, 1, SEQUENCE)), 1, CONTEXT_0));
  const encapsulated = inside(token, part(inside(token, part(content, 0, SEQUENCE)), 2, SEQUENCE));
  const info = part(inside(token, part(encapsulated, 1, CONTEXT_0)), 0, OCTETS);
  const fields = inside(token, part([element(token, info.at, info.end)], 0, SEQUENCE));
  const imprint = part(inside(token, part(fields, 2, SEQUENCE)), 1, OCTETS);
  if (!same(token.subarray(imprint.at, imprint.end), sha256)) throw new RangeError("of other bytes");
  const time = part(fields, 4, TIME);
  const text = new TextDecoder().decode(token.subarray(time.at, time.end));
  const found = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d+)?Z$/.exec(text);
  if (!found) throw new RangeError("no time");
  const [, year, month, day, hour, minute, second] = found;
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}
