/** The written record on this device: the hashes of what was read, and a signature that binds to them. */
import type { WrittenPage, WrittenParagraph, WrittenSigning } from "./generated/api";

const VERSION = 1;

export interface Signed {
  draft: number;
  personId: string;
  recordRoot: string;
  sittingId: string;
  textSha256: string;
}

/** What a device signs: canonical JSON, keys in order. */
export function statementOf({ draft, personId, recordRoot, sittingId, textSha256 }: Signed): string {
  return JSON.stringify({ decision: "sign", draft, personId, recordRoot, sittingId, textSha256 });
}

/** What the hash of a draft is made of. */
export function textOf(sittingId: string, draft: number, paragraphs: { id: string; sha256: string }[]): string {
  return JSON.stringify({ draft, paragraphs: paragraphs.map(({ id, sha256 }) => ({ id, sha256 })), sittingId, version: VERSION });
}

const hexOf = (bytes: ArrayBuffer): string => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
const base64Of = (bytes: ArrayBuffer): string => btoa(Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join(""));
const sha256 = async (text: string): Promise<string> => hexOf(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));

async function paragraphHash({ atUs, by, en, id, kind, zh }: WrittenParagraph): Promise<string> {
  return sha256(JSON.stringify({ atUs, by, en, id, kind, zh }));
}

/** Whether what this page shows is what its hash says: every paragraph that is shown, and all of them together. */
export async function fits(page: WrittenPage): Promise<boolean> {
  const shown = await Promise.all(page.paragraphs.map(async (one) => one.hidden || (await paragraphHash(one)) === one.sha256));
  return shown.every(Boolean) && (await sha256(textOf(page.hearing.sittingId, page.draft, page.paragraphs))) === page.textSha256;
}

/**
 * Sign what this page shows.  The key is made for this one signature, its private half cannot leave the browser and is
 * forgotten with it: nobody, the court included, can sign anything else with it.
 */
export async function sign(page: WrittenPage): Promise<WrittenSigning> {
  const { draft, personId, recordRoot, textSha256 } = page;
  const said = statementOf({ draft, personId, recordRoot, sittingId: page.hearing.sittingId, textSha256 });
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const pair = await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]);
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, new TextEncoder().encode(said));
  const publicKey = await crypto.subtle.exportKey("spki", pair.publicKey);
  return { draft, textSha256, recordRoot, publicKey: base64Of(publicKey), signature: base64Of(signature) };
}
