import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 as noble } from "@noble/hashes/sha2.js";
import { describe, expect, it } from "vitest";
import { digestOf, fromBase64, headLast, hex, type Source } from "../src/verifier/bytes";
import { check } from "../src/verifier/check";
import { checkInclusion, readKey, signed, stampedAt, type Inclusion } from "../src/verifier/witnesses";
import { entriesOf, ZipProblem } from "../src/verifier/zip";

const bytes = (...parts: (number[] | Uint8Array | string)[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(parts.flatMap((part) => [...(typeof part === "string" ? new TextEncoder().encode(part) : part)]));
const base64 = (data: Uint8Array): string => btoa(String.fromCharCode(...data));
const sha256 = (data: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(noble(data));
const deflated = async (data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await new Response(new Blob([data]).stream().pipeThrough(new CompressionStream("deflate-raw"))).arrayBuffer());
const source = (name: string, data: Uint8Array<ArrayBuffer>): Source => ({ name, size: data.length, blob: async () => new Blob([data]) });

const SPKI_HEAD = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const secret = new Uint8Array(32).fill(7);
const sign = (data: Uint8Array): Uint8Array => ed25519.sign(data, secret);
const pemOf = (key: Uint8Array): string => `-----BEGIN PUBLIC KEY-----\n${base64(bytes(SPKI_HEAD, ed25519.getPublicKey(key)))}\n-----END PUBLIC KEY-----\n`;
const pem = pemOf(secret);

describe("the court's key", () => {
  it("is read from PEM and checks signatures", () => {
    const key = readKey(pem);
    const data = bytes("what was signed");
    const signature = sign(data);
    expect(signed(key, data, signature)).toBe(true);
    expect(signed(key, bytes("what was Signed"), signature)).toBe(false);
    expect(signed(key, data, signature.subarray(1))).toBe(false);
  });
  it.each(["", "nonsense", pem.replace("M", "N"), "-----BEGIN PUBLIC KEY-----\n!!!\n-----END PUBLIC KEY-----"])("is nothing else: %s", (text) => {
    expect(() => readKey(text)).toThrow(RangeError);
  });
});

describe("hashes", () => {
  it("of large files are those of the whole", async () => {
    const data = new Uint8Array(65 * 1024 * 1024).fill(7);
    let seen = 0;
    expect(await digestOf(source("large", data), (count) => (seen += count))).toEqual([data.length, hex(sha256(data))]);
    expect(seen).toBe(data.length);
  }, 60_000);
  it("come from strict base64", () => {
    expect([...fromBase64("AQI=")]).toEqual([1, 2]);
    for (const text of ["AQI", "A=I=", "AQ I", "*", "AQJ="]) expect(() => fromBase64(text)).toThrow(RangeError);
  });
});

/** A ZIP file with these entries, each packed or not. */
async function zip(entries: [string, Uint8Array<ArrayBuffer>, boolean][], comment = ""): Promise<Blob> {
  const [local, central]: [Uint8Array[], Uint8Array[]] = [[], []];
  let at = 0;
  const u16 = (value: number): number[] => [value & 255, value >> 8];
  const u32 = (value: number): number[] => [...u16(value & 0xffff), ...u16(Math.floor(value / 65536))];
  for (const [name, data, packs] of entries) {
    const packed = packs ? await deflated(data) : data;
    const shared = [...u16(20), ...u16(0), ...u16(packs ? 8 : 0), ...u32(0), ...u32(0), ...u32(packed.length), ...u32(data.length), ...u16(bytes(name).length), ...u16(0)];
    const entry = bytes([0x50, 0x4b, 3, 4], shared, name, packed);
    local.push(entry);
    central.push(bytes([0x50, 0x4b, 1, 2], u16(20), shared, u16(0), u16(0), u16(0), u32(0), u32(at), name));
    at += entry.length;
  }
  const size = central.reduce((sum, part) => sum + part.length, 0);
  const end = bytes([0x50, 0x4b, 5, 6], u16(0), u16(0), u16(entries.length), u16(entries.length), u32(size), u32(at), u16(comment.length), comment);
  return new Blob([bytes(...local, ...central, end)]);
}

describe("a file whose head was written last", () => {
  it.each([0, 1, 3, 9])("is hashed from byte %i on, and then what is before it", async (start) => {
    const data = bytes("headmedia");
    const turned = new Uint8Array([...data.slice(start), ...data.slice(0, start)]);
    expect(await digestOf(headLast(source("m.webm", data), start), () => {})).toEqual([data.length, hex(sha256(turned))]);
  });
});

describe("ZIP files", () => {
  it("give stored and packed entries, and no folders", async () => {
    const file = await zip([["a/", bytes(), false], ["a/b.txt", bytes("stored"), false], ["卷宗.txt", bytes("x".repeat(5000)), true]], "a comment");
    const found = await entriesOf(file);
    expect(found.map(({ name, size }) => [name, size])).toEqual([["a/b.txt", 6], ["卷宗.txt", 5000]]);
    expect(await (await found[0]!.blob()).text()).toBe("stored");
    expect(await (await found[1]!.blob()).text()).toBe("x".repeat(5000));
  });
  it("that are damaged are refused, and nothing else happens", async () => {
    const whole = new Uint8Array(await (await zip([["a", bytes("12345678".repeat(40)), true]])).arrayBuffer());
    await expect(entriesOf(new Blob([whole.slice(0, whole.length - 30)]))).rejects.toThrow(ZipProblem);
    for (let at = 0; at < whole.length; at++) {
      const altered = whole.slice();
      altered[at]! ^= 0xff;
      try {
        for (const entry of await entriesOf(new Blob([altered]))) await (await entry.blob()).text();
      } catch (error) {
        expect(error).toBeInstanceOf(ZipProblem);
      }
    }
  });
});

describe("the court's log", () => {
  const key = readKey(pem);
  const digest = "ab".repeat(32);
  const entry = { manifestSha256: digest, sealedUs: 5, sittingId: "s", version: 1 };
  const leaf = sha256(bytes([0], JSON.stringify(entry)));
  const [left, right] = [sha256(bytes("left")), sha256(bytes("right"))];
  // Leaf 2 of 3: its proof is the hash over the first two.
  const pairHash = sha256(bytes([1], left, right));
  const root = sha256(bytes([1], pairHash, leaf));
  const head = (size: number): string => {
    const text = `court.example/records\n${size}\n${base64(root)}\n`;
    const keyHash = sha256(bytes("court.example/records\n", [1], key)).slice(0, 4);
    return `${text}\n\u2014 court.example/records ${base64(bytes(keyHash, sign(bytes(text))))}\n`;
  };
  const good: Inclusion = { entry, index: 2, size: 3, proof: [base64(pairHash)], checkpoint: head(3), version: 1 };

  it("has the record", async () => expect(await checkInclusion(good, digest, key)).toBeNull());
  it.each([
    ["entry", { ...good, entry: { ...entry, manifestSha256: "00" } }],
    ["checkpoint", { ...good, size: 4 }],
    ["entry", { ...good, version: 2 }],
    ["checkpoint", { ...good, checkpoint: head(3).replace("court", "Court") }],
    ["checkpoint", { ...good, proof: ["?"] }],
    ["proof", { ...good, index: 1 }],
    ["proof", { ...good, proof: [] }],
    ["proof", { ...good, entry: { ...entry, sealedUs: 6 } }],
  ])("does not have it: %s", async (problem, changed) => expect(await checkInclusion(changed as Inclusion, digest, key)).toBe(problem));
  it("signed by another key is not the court's", async () => {
    const other = readKey(pemOf(new Uint8Array(32).fill(8)));
    expect(await checkInclusion(good, digest, other)).toBe("checkpoint");
  });
});

describe("a time-stamp", () => {
  it.each([bytes(), bytes("nonsense"), bytes([0x30, 0x82, 0xff, 0xff]), bytes([0x30, 0x80, 0x30]), new Uint8Array(500).fill(0x30)])("is not nonsense", async (token) => {
    await expect(stampedAt(token, sha256(bytes("data")))).rejects.toThrow(RangeError);
  });
});

describe("what is no record", () => {
  it("has no manifest, or one that cannot be read", async () => {
    const codes = async (...files: Source[]): Promise<string[]> => (await check(files, pem, () => {})).findings.map(({ code }) => code);
    expect(await codes()).toEqual(["manifest-missing"]);
    expect(await codes(source("x/manifest.json", bytes("{")))).toEqual(["signature-missing", "manifest-unreadable"]);
    expect((await check([source("manifest.json", bytes("{}"))], null, () => {})).ok).toBe(false);
  });
});
