/** Is a record complete, unaltered, and what does it lack?  The same check as `recording/verify.py`, in a page. */
import { CAUSES_ZH, LEVELS_ZH, SOURCES_ZH } from "../lib/generated/findings";
import type { Format } from "../lib/generated/formats";
import { ADDED, checkAdded } from "./added";
import { digest, digestOf, fromHex, headLast, hex, read, type Bytes, type Source } from "./bytes";
import { decoded } from "./formats";
import { Findings, type Code, type Finding } from "./findings";
import type { Manifest } from "./manifest";
import { redactedName } from "./redacted";
import { SegmentCheck } from "./segments";
import { atUs, momentWords, periodWords, spanWords } from "./sentences";
import { sameSpans, wrongInStatement, type Statement, type Withheld } from "./statement";
import { checkInclusion, checkStatement, readKey, signed, signers, stampedAt, type Inclusion, type StatementInclusion } from "./witnesses";
import { wrongIn, type WrittenRecord } from "./written";

/** Grounds on which the court may interrupt a record. */
const LAWFUL = new Set(["recess", "private_evidence", "mediation"]);

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
  /** Spans that are left out of this copy under an order; and whether it is of a part of the record only. */
  withheld: number;
  part: boolean;
}

const MANIFEST = "manifest.json";
/** Of the manifest, the one that this page knows. */
const VERSION = 1;
const COMPANIONS = ["court.pub.pem", "README.txt", "verify.html"];
const COSIGNED = "cosigned/";
const PLAYBACK = "derived/playback.json";
const isRendition = (name: string): boolean => name.startsWith("derived/withheld/") && name.endsWith("/playback.json");
const STATEMENT = "statement.json";
const STATEMENT_INCLUSION = "statement.inclusion.json";
const WRITTEN_INDEX = "written/index.json";
const WRITTEN_RECORD = "written/record.json";
/** What it is called when an index is not signed by this key. */
const UNSIGNED: Record<string, string> = { [PLAYBACK]: "derived-unsigned", [WRITTEN_INDEX]: "written-altered" };
const SIGNED_AS: Record<string, string> = { signed: "written-signed", refused: "written-refused", missing: "written-missing-signature" };

/** Check the record that these files are; `key` is the court's public key in PEM, if one was given. */
export async function check(sources: Source[], key: string | null, progress: (part: number) => void): Promise<Report> {
  return new Check(sources, progress).run(key);
}

class Check {
  private readonly files: Map<string, Source>;
  private readonly findings = new Findings();
  private readonly total: number;
  private seen = 0;
  private chunks = 0;
  private bytes = 0;
  private key: Bytes | null = null;
  /** Of the manifest here, and of the record's, which is another one in a public copy. */
  private manifestSha256 = "";
  private recordSha256 = "";
  private statement: Statement | null = null;
  private statementSha256 = "";

  constructor(sources: Source[], private readonly progress: (part: number) => void) {
    this.files = new Map(withoutFolder(sources).map((source) => [source.name, source]));
    this.total = Math.max(1, sources.reduce((sum, source) => sum + source.size, 0));
  }

  async run(pem: string | null): Promise<Report> {
    const manifest = await this.signedManifest(pem);
    if (manifest) {
      await this.stated(manifest);
      this.public(manifest);
      const segments = new SegmentCheck((name) => this.take(name), this.findings, manifest, this.statement);
      await segments.run();
      ({ chunks: this.chunks, bytes: this.bytes } = segments);
      const listed = new Set([...(await this.derived()), ...manifest.objects.map((entry) => entry.name), ...COMPANIONS]);
      for (const name of [MANIFEST, "manifest.sig", "inclusion.json", "manifest.tsr", STATEMENT, "statement.sig", STATEMENT_INCLUSION]) listed.add(name);
      for (const { name } of this.statement?.redacted ?? []) listed.add(redactedName(name));
      for (const name of await this.written()) listed.add(name);
      await this.inclusion();
      await this.statementInclusion();
      for (const name of [...this.files.keys()].filter((name) => name.startsWith(COSIGNED)).sort()) {
        listed.add(name);
        await this.cosigned(name);
      }
      await this.stamp();
      for (const name of await this.added(manifest)) listed.add(name);
      for (const name of [...this.files.keys()].sort()) {
        if (!listed.has(name)) this.findings.add(name.startsWith("derived/") ? "derived-unlisted" : "object-unlisted", name);
      }
      this.knownFaults(manifest);
    }
    const keyId = this.key ? hex(await digest(this.key)) : "";
    const { recordSha256: manifestSha256, chunks, bytes, statement } = this;
    const [withheld, part] = [statement?.spans.length ?? 0, Boolean(statement?.part)];
    const [ok, findings] = [manifest !== null && this.findings.errors === 0, this.findings.worstFirst()];
    return { ok, trusted: pem !== null, keyId, manifestSha256, manifest, chunks, bytes, findings, withheld, part };
  }

  private async signedManifest(pem: string | null): Promise<Manifest | null> {
    const data = await this.take(MANIFEST);
    if (!data) return this.none("manifest-missing");
    this.manifestSha256 = this.recordSha256 = hex(await digest(data));
    const enclosed = await this.take("court.pub.pem");
    try {
      this.key = readKey(pem ?? new TextDecoder().decode(enclosed ?? new Uint8Array()));
    } catch {
      return this.none("key-missing");
    }
    const keyId = hex(await digest(this.key));
    if (pem === null) this.findings.add("key-enclosed", keyId);
    const signature = await this.take("manifest.sig");
    if (!signature) this.findings.add("signature-missing");
    else if (!signed(this.key, data, signature)) this.findings.add("signature-wrong");
    const manifest = decoded<Manifest>(data, "Manifest");
    if (!manifest) return this.none("manifest-unreadable");
    if (manifest.version !== VERSION) return this.none("version-unknown", String(manifest.version));
    if (manifest.keyId !== keyId) this.findings.add("key-other");
    return manifest;
  }

  /** What the court says that this copy leaves out, if it says so with its key and of this record. */
  private async stated(manifest: Manifest): Promise<void> {
    const data = await this.take(STATEMENT);
    if (!data) return;
    const signature = await this.take("statement.sig");
    if (!signature || !signed(this.key!, data, signature)) return this.findings.add("statement-wrong", "its signature", "签名不符");
    const statement = decoded<Statement>(data, "Statement");
    if (!statement) return this.findings.add("statement-wrong", "unreadable", "无法读取");
    const wrong = wrongInStatement(statement, manifest, this.manifestSha256, (name) => this.files.has(name));
    for (const one of wrong) this.findings.add("statement-wrong", one);
    if (wrong.length > 0) return;
    this.statement = statement;
    this.statementSha256 = hex(await digest(data));
    this.recordSha256 = statement.manifestSha256;
    this.leftOut(statement, manifest);
  }

  /** A public version of a manifest is nothing without the statement that says so: the court signed it, too. */
  private public({ publicOf, events }: Manifest): void {
    const stated = this.statement !== null && this.statement.enclosedSha256 !== this.statement.manifestSha256;
    const known = Boolean(publicOf) && this.statement?.manifestSha256 !== publicOf;
    if (known || (cutEvents(events).length > 0 && !stated)) this.findings.add("statement-missing");
  }

  private leftOut({ spans, part, withheld, outside, redacted = [], manifestSha256 }: Statement, manifest: Manifest): void {
    for (const { startUs, endUs, level, order, by, byZh, decidedUs } of spans) {
      const [[english, chinese], [day, dayZh]] = [periodWords(startUs, endUs), momentWords(atUs(decidedUs))];
      this.findings.add(
        "withheld",
        `${english}, ${level}, order ${order}, decided by ${by} at ${day}`,
        `${chinese}，${LEVELS_ZH[level] ?? level}，依据 ${order}，由${byZh || by}于 ${dayZh} 决定`,
      );
    }
    if (part) this.findings.add("part", ...periodWords(part.startUs, part.endUs));
    const [left, beyond, total] = [withheld.length, outside.length, manifest.objects.length];
    if (left || beyond) {
      const chinese = `共 ${total} 段，不予公开 ${left} 段，所选部分之外 ${beyond} 段`;
      this.findings.add("segments-absent", `${left} withheld, ${beyond} outside the part, of ${total}`, chinese);
    }
    if (redacted.length > 0) {
      const absent = redacted.flatMap((entry) => entry.absent).reduce((sum, [, count]) => sum + count, 0);
      const names = new Set(redacted.map(({ name }) => name));
      const counts = manifest.objects.filter(({ name }) => names.has(name)).flatMap(({ chunks }) => chunks);
      const all = counts.reduce((sum, [, , count]) => sum + count, 0);
      this.findings.add("chunks-absent", `${absent} of ${all}`, `共 ${all} 个，略去 ${absent} 个`);
    }
    if (manifestSha256 !== this.manifestSha256) {
      this.findings.add("manifest-public", manifestSha256);
      this.findings.add("events-withheld", String(cutEvents(manifest.events).length));
    }
  }

  /** The playable copies, if they are here.  Answers all names that belong to them. */
  private async derived(): Promise<string[]> {
    const names = [PLAYBACK, "derived/playback.sig"];
    const entries: { name: string; size: number; sha256: string; hashedFrom?: number }[] = [];
    for (const name of [...this.files.keys()].sort()) {
      if (name !== PLAYBACK && !isRendition(name)) continue;
      names.push(name, name.replace(/json$/, "sig"));
      const index = await this.signedDerived<{ manifestSha256: string; media: typeof entries; withheld?: Withheld[] }>(name, "Playback");
      if (index && (index.manifestSha256 !== this.recordSha256 || !this.fits(name, index.withheld ?? []))) this.findings.add("derived-altered", name);
      entries.push(...(index?.media ?? []));
    }
    for (const name of this.files.keys()) {
      if (!name.startsWith("derived/exports/") || !name.endsWith(".json")) continue;
      names.push(name, name.replace(/json$/, "sig"));
      const made = await this.signedDerived<(typeof entries)[number] & { manifestSha256: string }>(name, "ExportEntry");
      if (made && made.manifestSha256 !== this.recordSha256) this.findings.add("derived-altered", name);
      if (made) entries.push({ ...made, hashedFrom: 0 });
    }
    for (const entry of entries) {
      names.push(entry.name);
      const source = this.files.get(entry.name);
      if (!source) {
        this.findings.add("derived-missing", entry.name);
        continue;
      }
      const [size, sha256] = await digestOf(headLast(source, entry.hashedFrom ?? 0), (bytes) => this.count(bytes));
      if (size !== entry.size || sha256 !== entry.sha256) this.findings.add("derived-altered", entry.name);
    }
    return names;
  }

  /** Whether it leaves out what a copy of this kind does: the court signs many that do, for other readers. */
  private fits(name: string, withheld: Withheld[]): boolean {
    return this.statement ? sameSpans(withheld, this.statement.spans) : name !== PLAYBACK || withheld.length === 0;
  }

  private async signedDerived<T>(name: string, format: Format): Promise<T | null> {
    const data = (await this.take(name))!;
    const signature = await this.take(name.replace(/json$/, "sig"));
    if (!signature || !signed(this.key!, data, signature)) this.findings.add(UNSIGNED[name] ?? "derived-altered", name);
    const found = decoded<T>(data, format);
    if (!found) this.findings.add("derived-altered", name);
    return found;
  }

  /** The written record, if it is here: its documents, and every signature under it.  Answers its names. */
  private async written(): Promise<string[]> {
    const names = [WRITTEN_INDEX, "written/index.sig"];
    if (!this.files.has(WRITTEN_INDEX)) return names;
    const index = await this.signedDerived<{ manifestSha256: string; files: { name: string; size: number; sha256: string }[] }>(WRITTEN_INDEX, "WrittenIndex");
    if (index && index.manifestSha256 !== this.recordSha256) this.findings.add("written-altered", WRITTEN_INDEX);
    for (const entry of index?.files ?? []) {
      names.push(entry.name);
      const source = this.files.get(entry.name);
      if (!source) {
        this.findings.add("written-missing", entry.name);
        continue;
      }
      const [size, sha256] = await digestOf(source, (bytes) => this.count(bytes));
      if (size !== entry.size || sha256 !== entry.sha256) this.findings.add("written-altered", entry.name);
      if (entry.name === WRITTEN_RECORD) await this.signatures(await read(source));
    }
    return names;
  }

  private async signatures(data: Bytes): Promise<void> {
    const record = decoded<WrittenRecord>(data, "WrittenRecord");
    if (!record) return this.findings.add("written-altered", WRITTEN_RECORD);
    for (const wrong of await wrongIn(record, this.recordSha256)) this.findings.add("written-wrong", wrong);
    for (const entry of record.signatures) this.findings.add(SIGNED_AS[entry.state] ?? "written-wrong", entry.name, entry.nameZh || entry.name);
    for (const { name, nameZh, text } of record.incidents) this.findings.add("incident", `${name}: ${text}`, `${nameZh || name}：${text}`);
  }

  private async inclusion(): Promise<void> {
    const data = await this.take("inclusion.json");
    if (!data) return this.findings.add("inclusion-missing");
    const found = decoded<Inclusion>(data, "Inclusion");
    if (!found) return this.findings.add("inclusion-wrong", "unreadable", "无法读取");
    const wrong = await checkInclusion(found, this.recordSha256, this.key!);
    if (wrong !== null) return this.findings.add("inclusion-wrong", wrong);
    this.findings.add("inclusion", `entry ${found.index} of ${found.size}`, `第 ${found.index} 项，共 ${found.size} 项`);
  }

  /** The court's statement on what this copy leaves out is an entry too. */
  private async statementInclusion(): Promise<void> {
    if (!this.statement) return;
    const data = await this.take(STATEMENT_INCLUSION);
    if (!data) return this.findings.add("statement-unlogged");
    const found = decoded<StatementInclusion>(data, "StatementInclusion");
    if (!found || (await checkStatement(found, this.statementSha256, this.key!)) !== null) return this.findings.add("inclusion-wrong", STATEMENT_INCLUSION);
    this.findings.add("statement-logged", `entry ${found.index} of ${found.size}`, `第 ${found.index} 项，共 ${found.size} 项`);
  }

  /** What the court added after the close.  Answers its names. */
  private added({ sittingId }: Manifest): Promise<string[]> {
    const { files, findings, recordSha256 } = this;
    const leftOut = new Set((this.statement?.added ?? []).filter((name) => name.startsWith(ADDED)));
    return checkAdded({ files, findings, key: this.key!, sittingId, recordSha256, leftOut, count: (bytes) => this.count(bytes) });
  }

  /** The proof once more, in a head that somebody outside the court signed too; this page has no list of whom to trust. */
  private async cosigned(name: string): Promise<void> {
    const found = decoded<Inclusion>((await this.take(name))!, "Inclusion");
    if (!found || (await checkInclusion(found, this.recordSha256, this.key!)) !== null) return this.findings.add("inclusion-wrong", name);
    this.findings.add("cosigned-unchecked", signers(found.checkpoint).join(", "));
  }

  private async stamp(): Promise<void> {
    const token = await this.take("manifest.tsr");
    if (!token) return this.findings.add("stamp-missing");
    try {
      this.findings.add("stamp-unchecked", ...momentWords(await stampedAt(token, fromHex(this.recordSha256))));
    } catch (error) {
      this.findings.add("stamp-wrong", error instanceof Error ? error.message : "");
    }
  }

  private knownFaults(manifest: Manifest): void {
    for (const { code, place } of manifest.problems) this.findings.add("problem-known", `${code}, ${place}`);
    for (const writer of manifest.missingWriters) this.findings.add("writer-missing", writer);
    for (const span of manifest.interruptions) {
      const [english, chinese] = spanWords(span);
      if (LAWFUL.has(span.cause))
        this.findings.add("interruption-lawful", `${span.cause}, ${english}`, `${CAUSES_ZH[span.cause] ?? span.cause}，${chinese}`);
      else this.findings.add("interruption", english, chinese);
    }
    const people = new Map(manifest.participants.map((person) => [person.personId, person]));
    for (const gap of manifest.gaps) {
      const person = people.get(gap.personId ?? "");
      const [english, chinese] = spanWords(gap);
      const source = gap.source ?? "";
      this.findings.add(
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

  private none(code: Code, place = ""): null {
    this.findings.add(code, place);
    return null;
  }
}

/** Entries of the log of which a public version has no more than number, time and hashes. */
function cutEvents(events: unknown[] | undefined): unknown[] {
  return (events ?? []).filter((event) => (event as { name?: unknown } | null)?.name === "withheld");
}

/** Names within the record: an export is chosen or packed together with the folder that holds it. */
function withoutFolder(sources: Source[]): Source[] {
  const at = sources.filter(({ name }) => name === MANIFEST || name.endsWith(`/${MANIFEST}`)).sort((a, b) => a.name.length - b.name.length)[0];
  const folder = at?.name.slice(0, -MANIFEST.length) ?? "";
  return sources.filter(({ name }) => name.startsWith(folder)).map((source) => ({ ...source, name: source.name.slice(folder.length) }));
}
