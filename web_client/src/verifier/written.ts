/** The written record and the signatures under it (docs/record-format.md §8), checked as `recording/written.py` does. */
import { p256 } from "@noble/curves/nist.js";
import { digest, fromBase64, hex, utf8, type Bytes } from "./bytes";
import { statementOf, textOf, type Signed } from "../lib/written";

interface Evidence {
  statement: string;
  publicKey: string;
  signature: string;
}

export interface WrittenRecord {
  sittingId: string;
  draft: number;
  recordRoot: string;
  textSha256: string;
  paragraphs: Record<string, unknown>[];
  signatures: { personId: string; name: string; nameZh: string; state: string; evidence: Evidence | null }[];
  incidents: { name: string; nameZh: string; text: string }[];
}

/** SubjectPublicKeyInfo of a P-256 key, up to the point. */
const SPKI_HEAD = [0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00];
const POINT_BYTES = 65;

/** What does not hold: nothing, or the names of signatures and parts that are wrong. */
export async function wrongIn(record: WrittenRecord, manifestSha256: string): Promise<string[]> {
  const wrong: string[] = [];
  const hashes = await Promise.all(record.paragraphs.map(async (one) => ({ id: String(one.id), sha256: hex(await digest(utf8(sorted(one)))) })));
  if (hex(await digest(utf8(textOf(record.sittingId, record.draft, hashes)))) !== record.textSha256) wrong.push("text");
  if (record.recordRoot && record.recordRoot !== manifestSha256) wrong.push("recordRoot");
  for (const entry of record.signatures) {
    const said: Signed = { draft: record.draft, personId: entry.personId, recordRoot: record.recordRoot, sittingId: record.sittingId, textSha256: record.textSha256 };
    if (entry.state === "signed" && !holds(entry.evidence, statementOf(said))) wrong.push(entry.name);
  }
  return wrong;
}

function holds(evidence: Evidence | null, said: string): boolean {
  if (!evidence || evidence.statement !== said) return false;
  try {
    return p256.verify(fromBase64(evidence.signature), utf8(said), pointOf(fromBase64(evidence.publicKey)), { lowS: false });
  } catch {
    return false;
  }
}

function pointOf(der: Bytes): Bytes {
  if (der.length !== SPKI_HEAD.length + POINT_BYTES || SPKI_HEAD.some((byte, at) => der[at] !== byte)) throw new RangeError("not a P-256 key");
  return der.slice(SPKI_HEAD.length);
}

/** Canonical: keys in order, no spaces. */
function sorted(value: Record<string, unknown>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))));
}
