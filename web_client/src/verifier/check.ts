/** Is a record complete, unaltered, and what does it lack?  The same check as `recording/verify.py`, in a page. */
import { FINDINGS, CAUSES_ZH, SOURCES_ZH } from "../lib/generated/findings";
import { digest, digestOf, hex, read, type Bytes, type Source } from "./bytes";
import { WriterChain, type Problem, type Segment } from "./hrec";
import { RootCheck } from "./roots";
import { checkInclusion, readKey, signed, signers, stampedAt, type Inclusion } from "./witnesses";
import { wrongIn, type WrittenRecord } from "./written";

export type Severity = "error" | "warning" | "note";

export interface Finding {
  code: string;
  severity: Severity;
  place: string;
  en: string;
  zh: string;
}

interface Span {
  personId: string | null;
  source: string | null;
  startUs: number;
  durationUs: number;
  cause: string;
}

interface ObjectEntry {
  name: string;
  size: number;
  sha256: string;
  writer: string;
}

interface TrackEntry {
  writer: string;
  track: number;
  personId: string;
  source: string;
  chunks: number;
  headSha256: string;
}

/** Grounds on which the court may interrupt a record. */
const LAWFUL = new Set(["recess", "private_evidence", "mediation"]);

interface Manifest {
  sittingId: string;
  court: string;
  courtZh: string;
  caseNumber: string;
  caseName: string;
  caseNameZh: string;
  openedUs: number;
  closedUs: number;
  sealedUs: number;
  keyId: string;
  participants: { personId: string; name: string; nameZh: string; role: string }[];
  tracks: TrackEntry[];
  objects: ObjectEntry[];
  gaps: Span[];
  interruptions: Span[];
  problems: Problem[];
  missingWriters: string[];
  events?: unknown[];
}

export interface Report {
  ok: boolean;
  /** The key was given, and not taken from the record itself. */
  trusted: boolean;
  keyId: string;
  manifestSha256: string;
  manifest: Manifest | null;
  chunks: number;
  bytes: number;
  findings: Finding[];
}

const MANIFEST = "manifest.json";
const COMPANIONS = ["court.pub.pem", "README.txt", "verify.html"];
const COSIGNED = "cosigned/";
const PLAYBACK = "derived/playback.json";
const WRITTEN_INDEX = "written/index.json";
const WRITTEN_RECORD = "written/record.json";
/** What it is called when an index is not signed by this key. */
const UNSIGNED: Record<string, string> = { [PLAYBACK]: "derived-unsigned", [WRITTEN_INDEX]: "written-altered" };
const SIGNED_AS: Record<string, string> = { signed: "written-signed", refused: "written-refused", missing: "written-missing-signature" };
const FINDINGS_LIMIT = 1000;
const ORDER: Record<Severity, number> = { error: 0, warning: 1, note: 2 };

/** Check the record that these files are; `key` is the court's public key in PEM, if one was given. */
export async function check(sources: Source[], key: string | null, progress: (part: number) => void): Promise<Report> {
  return new Check(sources, progress).run(key);
}

class Check {
  private readonly files: Map<string, Source>;
  private readonly findings: Finding[] = [];
  private readonly total: number;
  private seen = 0;
  private errors = 0;
  private chunks = 0;
  private bytes = 0;
  private key: Bytes | null = null;
  private manifestSha256 = "";

  constructor(sources: Source[], private readonly progress: (part: number) => void) {
    this.files = new Map(withoutFolder(sources).map((source) => [source.name, source]));
    this.total = Math.max(1, sources.reduce((sum, source) => sum + source.size, 0));
  }

  async run(pem: string | null): Promise<Report> {
    const manifest = await this.signedManifest(pem);
    if (manifest) {
      await this.objects(manifest);
      const listed = new Set([...(await this.derived()), ...manifest.objects.map((entry) => entry.name), ...COMPANIONS]);
      for (const name of [MANIFEST, "manifest.sig", "inclusion.json", "manifest.tsr"]) listed.add(name);
      for (const name of await this.written()) listed.add(name);
      await this.inclusion();
      for (const name of [...this.files.keys()].filter((name) => name.startsWith(COSIGNED)).sort()) {
        listed.add(name);
        await this.cosigned(name);
      }
      await this.stamp();
      for (const name of [...this.files.keys()].sort()) {
        if (!listed.has(name)) this.add(name.startsWith("derived/") ? "derived-unlisted" : "object-unlisted", name);
      }
      this.knownFaults(manifest);
    }
    const keyId = this.key ? hex(await digest(this.key)) : "";
    this.findings.sort((a, b) => ORDER[a.severity] - ORDER[b.severity]);
    const { manifestSha256, chunks, bytes, findings } = this;
    return { ok: manifest !== null && this.errors === 0, trusted: pem !== null, keyId, manifestSha256, manifest, chunks, bytes, findings };
  }

  private async signedManifest(pem: string | null): Promise<Manifest | null> {
    const data = await this.take(MANIFEST);
    if (!data) return this.none("manifest-missing");
    this.manifestSha256 = hex(await digest(data));
    const enclosed = await this.take("court.pub.pem");
    try {
      this.key = readKey(pem ?? new TextDecoder().decode(enclosed ?? new Uint8Array()));
    } catch {
      return this.none("key-missing");
    }
    const keyId = hex(await digest(this.key));
    if (pem === null) this.add("key-enclosed", keyId);
    const signature = await this.take("manifest.sig");
    if (!signature) this.add("signature-missing");
    else if (!signed(this.key, data, signature)) this.add("signature-wrong");
    const manifest = parsed<Manifest>(data);
    if (!manifest || !Array.isArray(manifest.objects) || !Array.isArray(manifest.tracks)) return this.none("manifest-unreadable");
    if (manifest.keyId !== keyId) this.add("key-other");
    return manifest;
  }

  /** Every listed segment: present, unaltered, and all chains as signed. */
  private async objects(manifest: Manifest): Promise<void> {
    const known = new Set(manifest.problems.map((problem) => `${problem.code}\n${problem.place}`));
    const chains = new Map<string, WriterChain>();
    const roots = new RootCheck(manifest.events ?? []);
    for (const entry of manifest.objects) {
      const chain = chains.get(entry.writer) ?? new WriterChain(manifest.sittingId, entry.writer);
      chains.set(entry.writer, chain);
      const data = await this.take(entry.name);
      if (!data) {
        this.add("object-missing", entry.name);
        continue;
      }
      const segment = await chain.feed(entry.name, data);
      await roots.seen(entry.writer, chain);
      this.chunks += segment.chunks;
      this.bytes += segment.size;
      if (segment.sha256 !== entry.sha256 || segment.size !== entry.size) this.add("object-altered", alteredPlace(segment, entry));
      for (const { code, place } of segment.problems) if (!known.has(`${code}\n${place}`)) this.add("chain-unlisted", `${code}, ${place}`);
      if (segment.recovered) this.add("segment-recovered", entry.name);
    }
    for (const entry of manifest.tracks) {
      const state = chains.get(entry.writer)?.tracks.get(entry.track);
      if (state?.chunks !== entry.chunks || hex(state.head) !== entry.headSha256) {
        this.add("track-altered", `${entry.writer}/${entry.track} (${entry.personId}, ${entry.source})`);
      }
    }
    await this.roots(roots);
  }

  /** The roots that the sitting's log took down each minute: they fit the chains as they stood then. */
  private async roots(roots: RootCheck): Promise<void> {
    const { fit, wrong, last } = await roots.outcome();
    if (fit) this.add("roots", `${fit}, the last is ${last}`, `共 ${fit} 个，最后一个为 ${last}`);
    for (const at of wrong) {
      const clock = at.toISOString().slice(11, 19);
      const chinese = `${at.getUTCFullYear()}年${at.getUTCMonth() + 1}月${at.getUTCDate()}日 ${clock}（UTC）`;
      this.add("root-wrong", `${at.toISOString().slice(0, 10)} ${clock} UTC`, chinese);
    }
  }

  /** The playable copies, if they are here.  Answers all names that belong to them. */
  private async derived(): Promise<string[]> {
    const names = [PLAYBACK, "derived/playback.sig"];
    const entries: { name: string; size: number; sha256: string }[] = [];
    if (this.files.has(PLAYBACK)) {
      const index = await this.signedDerived<{ manifestSha256: string; media: typeof entries }>(PLAYBACK);
      if (index && index.manifestSha256 !== this.manifestSha256) this.add("derived-altered", PLAYBACK);
      entries.push(...(index?.media ?? []));
    }
    for (const name of this.files.keys()) {
      if (!name.startsWith("derived/exports/") || !name.endsWith(".json")) continue;
      names.push(name, name.replace(/json$/, "sig"));
      const made = await this.signedDerived<(typeof entries)[number]>(name);
      if (made) entries.push(made);
    }
    for (const entry of entries) {
      names.push(entry.name);
      const source = this.files.get(entry.name);
      if (!source) {
        this.add("derived-missing", entry.name);
        continue;
      }
      const [size, sha256] = await digestOf(source, (bytes) => this.count(bytes));
      if (size !== entry.size || sha256 !== entry.sha256) this.add("derived-altered", entry.name);
    }
    return names;
  }

  private async signedDerived<T>(name: string): Promise<T | null> {
    const data = (await this.take(name))!;
    const signature = await this.take(name.replace(/json$/, "sig"));
    if (!signature || !signed(this.key!, data, signature)) this.add(UNSIGNED[name] ?? "derived-altered", name);
    const found = parsed<T>(data);
    if (!found) this.add("derived-altered", name);
    return found;
  }

  /** The written record, if it is here: its documents, and every signature under it.  Answers its names. */
  private async written(): Promise<string[]> {
    const names = [WRITTEN_INDEX, "written/index.sig"];
    if (!this.files.has(WRITTEN_INDEX)) return names;
    const index = await this.signedDerived<{ manifestSha256: string; files: { name: string; size: number; sha256: string }[] }>(WRITTEN_INDEX);
    if (index && index.manifestSha256 !== this.manifestSha256) this.add("written-altered", WRITTEN_INDEX);
    for (const entry of index?.files ?? []) {
      names.push(entry.name);
      const source = this.files.get(entry.name);
      if (!source) {
        this.add("written-missing", entry.name);
        continue;
      }
      const [size, sha256] = await digestOf(source, (bytes) => this.count(bytes));
      if (size !== entry.size || sha256 !== entry.sha256) this.add("written-altered", entry.name);
      if (entry.name === WRITTEN_RECORD) await this.signatures(await read(source));
    }
    return names;
  }

  private async signatures(data: Bytes): Promise<void> {
    const record = parsed<WrittenRecord>(data);
    if (!record || !Array.isArray(record.signatures) || !Array.isArray(record.paragraphs)) return this.add("written-altered", WRITTEN_RECORD);
    for (const wrong of await wrongIn(record, this.manifestSha256)) this.add("written-wrong", wrong);
    for (const entry of record.signatures) this.add(SIGNED_AS[entry.state] ?? "written-wrong", entry.name, entry.nameZh || entry.name);
    for (const { name, nameZh, text } of record.incidents) this.add("incident", `${name}: ${text}`, `${nameZh || name}：${text}`);
  }

  private async inclusion(): Promise<void> {
    const data = await this.take("inclusion.json");
    if (!data) return this.add("inclusion-missing");
    const found = parsed<Inclusion>(data);
    if (!found) return this.add("inclusion-wrong", "unreadable", "无法读取");
    const wrong = await checkInclusion(found, this.manifestSha256, this.key!);
    if (wrong !== null) return this.add("inclusion-wrong", wrong);
    this.add("inclusion", `entry ${found.index} of ${found.size}`, `第 ${found.index} 项，共 ${found.size} 项`);
  }

  /** The proof once more, in a head that somebody outside the court signed too; this page has no list of whom to trust. */
  private async cosigned(name: string): Promise<void> {
    const found = parsed<Inclusion>((await this.take(name))!);
    if (!found || (await checkInclusion(found, this.manifestSha256, this.key!)) !== null) return this.add("inclusion-wrong", name);
    this.add("cosigned-unchecked", signers(found.checkpoint).join(", "));
  }

  private async stamp(): Promise<void> {
    const token = await this.take("manifest.tsr");
    if (!token) return this.add("stamp-missing");
    try {
      const at = await stampedAt(token, (await this.take(MANIFEST))!);
      const clock = at.toISOString().slice(11, 19);
      const chinese = `${at.getUTCFullYear()}年${at.getUTCMonth() + 1}月${at.getUTCDate()}日 ${clock}（UTC）`;
      this.add("stamp-unchecked", `${at.toISOString().slice(0, 10)} ${clock} UTC`, chinese);
    } catch (error) {
      this.add("stamp-wrong", error instanceof Error ? error.message : "");
    }
  }

  private knownFaults(manifest: Manifest): void {
    for (const { code, place } of manifest.problems) this.add("problem-known", `${code}, ${place}`);
    for (const writer of manifest.missingWriters) this.add("writer-missing", writer);
    for (const span of manifest.interruptions) {
      const [english, chinese] = spanWords(span);
      if (LAWFUL.has(span.cause))
        this.add("interruption-lawful", `${span.cause}, ${english}`, `${CAUSES_ZH[span.cause] ?? span.cause}，${chinese}`);
      else this.add("interruption", english, chinese);
    }
    const people = new Map(manifest.participants.map((person) => [person.personId, person]));
    for (const gap of manifest.gaps) {
      const person = people.get(gap.personId ?? "");
      const [english, chinese] = spanWords(gap);
      const source = gap.source ?? "";
      this.add(
        "gap",
        `${person?.name ?? gap.personId}, ${source}, ${gap.cause}, ${english}`,
        `${person?.nameZh || person?.name || gap.personId}，${SOURCES_ZH[source] ?? source}，${CAUSES_ZH[gap.cause] ?? gap.cause}，${chinese}`,
      );
    }
  }

  private async take(name: string): Promise<Bytes | null> {
    const source = this.files.get(name);
    if (!source) return null;
    const data = await read(source);
    this.count(data.length);
    return data;
  }

  private count(bytes: number): void {
    this.seen += bytes;
    this.progress(Math.min(1, this.seen / this.total));
  }

  private add(code: keyof typeof FINDINGS, place = "", placeZh = place): void {
    const [severity, english, chinese] = FINDINGS[code]!;
    this.errors += severity === "error" ? 1 : 0;
    if (this.findings.length >= FINDINGS_LIMIT && (severity !== "error" || this.errors >= FINDINGS_LIMIT)) return;
    // Not replace(): a place may hold what that takes for a pattern.
    this.findings.push({ code, severity, place, en: english.split("{place}").join(place), zh: chinese.split("{place}").join(placeZh) });
  }

  private none(code: keyof typeof FINDINGS): null {
    this.add(code);
    return null;
  }
}

function parsed<T>(data: Bytes): T | null {
  try {
    const found: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data));
    return typeof found === "object" && found !== null ? (found as T) : null;
  } catch {
    return null;
  }
}

/** Names within the record: an export is chosen or packed together with the folder that holds it. */
function withoutFolder(sources: Source[]): Source[] {
  const at = sources.filter(({ name }) => name === MANIFEST || name.endsWith(`/${MANIFEST}`)).sort((a, b) => a.name.length - b.name.length)[0];
  const folder = at?.name.slice(0, -MANIFEST.length) ?? "";
  return sources.filter(({ name }) => name.startsWith(folder)).map((source) => ({ ...source, name: source.name.slice(folder.length) }));
}

function alteredPlace(segment: Segment, entry: ObjectEntry): string {
  if (segment.size !== entry.size) return `${entry.name} (${segment.size} bytes, ${entry.size} were signed)`;
  const first = segment.problems.find(({ place }) => place.startsWith(`${entry.name} byte`));
  return first ? `${first.place} (${first.code})` : `${entry.name} (tracks ${segment.tracks.join(", ")})`;
}

/** Begin and length in English and in Chinese. */
function spanWords(span: Span): [string, string] {
  const start = new Date(Math.floor(span.startUs / 1000));
  const text = start.toISOString();
  const [day, clock, seconds] = [text.slice(0, 10), text.slice(11, 23), (span.durationUs / 1e6).toFixed(3)];
  return [
    `${seconds} s from ${day} ${clock} UTC`,
    `${start.getUTCFullYear()}年${start.getUTCMonth() + 1}月${start.getUTCDate()}日 ${clock}（UTC）起 ${seconds} 秒`,
  ];
}
