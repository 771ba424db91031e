/** Whether the stored segments are all there and unaltered, and their chains and roots as they were signed; the same as
 *  `recording/verify_segments.py`. */
import { hex, type Bytes } from "./bytes";
import type { Findings } from "./findings";
import { WriterChain, type Heads, type Problem, type Segment } from "./hrec";
import type { Manifest, ObjectEntry } from "./manifest";
import { headsOf, readRedacted, RedactedCheck, redactedName } from "./redacted";
import { RootCheck } from "./roots";
import { momentWords } from "./sentences";
import type { Statement } from "./statement";

export class SegmentCheck {
  chunks = 0;
  bytes = 0;
  private readonly known: Set<string>;

  constructor(
    private readonly take: (name: string) => Promise<Bytes | null>,
    private readonly findings: Findings,
    private readonly manifest: Manifest,
    private readonly statement: Statement | null,
  ) {
    this.known = new Set(manifest.problems.map(({ code, place }) => `${code}\n${place}`));
  }

  /** Every listed segment: present, unaltered, and all chains as signed. */
  async run(): Promise<void> {
    const { manifest, statement } = this;
    const chains = new Map<string, WriterChain>();
    const roots = new RootCheck(manifest.events ?? []);
    const absent = new Set([...(statement?.withheld ?? []), ...(statement?.outside ?? [])].map(({ name }) => name));
    const redacted = new RedactedCheck(this.findings, manifest, statement);
    const heads = new Map<string, Heads>();
    for (const entry of manifest.objects) {
      const chain = chains.get(entry.writer) ?? new WriterChain(manifest.sittingId, entry.writer);
      chains.set(entry.writer, chain);
      const ends = (): Heads => heads.get(entry.writer) ?? heads.set(entry.writer, headsOf(manifest, entry.writer)).get(entry.writer)!;
      const name = redacted.told.has(entry.name) ? redactedName(entry.name) : entry.name;
      if (absent.has(entry.name)) {
        redacted.skipped(entry);
        this.broken(chain.skip(entry, ends()));
        await roots.seen(entry.writer, chain);
        continue;
      }
      const data = await this.take(name);
      if (!data) {
        this.findings.add("object-missing", name);
        continue;
      }
      this.bytes += data.length;
      if (name !== entry.name) {
        const read = await readRedacted(data);
        this.chunks += read.chunks.length;
        this.broken(this.unlisted(redacted.take(entry, read, chain, ends())));
      } else {
        const segment = await chain.feed(name, data);
        this.chunks += segment.chunks.length;
        redacted.whole(entry.writer, segment.header, segment.chunks);
        if (segment.sha256 !== entry.sha256 || segment.size !== entry.size) this.findings.add("object-altered", alteredPlace(segment, entry));
        this.broken(this.unlisted(segment.problems));
        if (segment.recovered) this.findings.add("segment-recovered", name);
      }
      await roots.seen(entry.writer, chain);
    }
    redacted.finish();
    for (const entry of manifest.tracks) {
      const state = chains.get(entry.writer)?.tracks.get(entry.track);
      if (state?.chunks !== entry.chunks || hex(state.head) !== entry.headSha256) {
        this.findings.add("track-altered", `${entry.writer}/${entry.track} (${entry.personId}, ${entry.source})`);
      }
    }
    await this.roots(roots);
  }

  /** The roots that the sitting's log took down each minute: they fit the chains as they stood then. */
  private async roots(roots: RootCheck): Promise<void> {
    const { fit, wrong, last, unchecked } = await roots.outcome();
    if (fit) this.findings.add("roots", `${fit}, the last is ${last}`, `共 ${fit} 个，最后一个为 ${last}`);
    if (unchecked) this.findings.add("roots-unchecked", String(unchecked));
    for (const at of wrong) this.findings.add("root-wrong", ...momentWords(at));
  }

  private unlisted(problems: Problem[]): Problem[] {
    return problems.filter(({ code, place }) => !this.known.has(`${code}\n${place}`));
  }

  private broken(problems: Problem[]): void {
    for (const { code, place } of problems) this.findings.add("chain-unlisted", `${code}, ${place}`);
  }
}

function alteredPlace(segment: Segment, entry: ObjectEntry): string {
  if (segment.size !== entry.size) return `${entry.name} (${segment.size} bytes, ${entry.size} were signed)`;
  const first = segment.problems.find(({ place }) => place.startsWith(`${entry.name} byte`));
  return first ? `${first.place} (${first.code})` : `${entry.name} (tracks ${segment.tracks.join(", ")})`;
}
