/** Bytes, their hashes and texts. */
import { sha256 } from "@noble/hashes/sha2.js";

/** Above this a file is hashed piece by piece instead of being read whole. */
const WHOLE_LIMIT_BYTES = 64 * 1024 * 1024;
const PIECE_BYTES = 4 * 1024 * 1024;

export type Bytes = Uint8Array<ArrayBuffer>;

/** A file of the record: its name within the record, and how to read it. */
export interface Source {
  name: string;
  size: number;
  blob: () => Promise<Blob>;
}

export const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, at) => byte === b[at]);

export function joined(...parts: (Uint8Array | number[])[]): Bytes {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

/** 32 bytes from hex; nothing else is taken. */
export function fromHex(text: string): Bytes {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new RangeError("not a hash");
  return Uint8Array.from(text.match(/../g)!, (byte) => parseInt(byte, 16));
}

export const utf8 = (text: string): Bytes => new TextEncoder().encode(text);

/** Base64 as RFC 4648 §4 has it; nothing else is taken. */
export function fromBase64(text: string): Bytes {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) throw new RangeError("not base64");
  const letters = atob(text);
  // The last letter may carry bits that no byte has; then it was altered (RFC 4648 §3.5).
  if (btoa(letters) !== text) throw new RangeError("not canonical base64");
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
}

/** SHA-256, by the browser's own code where it may be used. */
export async function digest(bytes: Bytes): Promise<Bytes> {
  // A page from disk is a secure context in today's browsers; where it is none there is no crypto.subtle.
  const subtle = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  return subtle ? new Uint8Array(await subtle.digest("SHA-256", bytes)) : new Uint8Array(sha256(bytes));
}

export async function read(source: Source): Promise<Bytes> {
  return new Uint8Array(await (await source.blob()).arrayBuffer());
}

/** The same file with the bytes before `start` after all others: so files are hashed whose head is written last. */
export function headLast(source: Source, start: number): Source {
  if (!start) return source;
  const turned = async (): Promise<Blob> => {
    const blob = await source.blob();
    return new Blob([blob.slice(start), blob.slice(0, start)]);
  };
  return { ...source, blob: turned };
}

/** Size and SHA-256 in hex of a file of any size; `progress` is given the bytes that were read. */
export async function digestOf(source: Source, progress: (bytes: number) => void): Promise<[number, string]> {
  const blob = await source.blob();
  if (blob.size <= WHOLE_LIMIT_BYTES) {
    const found = hex(await digest(new Uint8Array(await blob.arrayBuffer())));
    progress(blob.size);
    return [blob.size, found];
  }
  const hash = sha256.create();
  for (let at = 0; at < blob.size; at += PIECE_BYTES) {
    const piece = new Uint8Array(await blob.slice(at, at + PIECE_BYTES).arrayBuffer());
    hash.update(piece);
    progress(piece.length);
  }
  return [blob.size, hex(hash.digest())];
}
