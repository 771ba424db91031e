/** Recordings that the court added after the close (docs/record-format.md §10), as `recording/verify_added.py` checks them. */
import { digest, digestOf, hex, read, type Bytes, type Source } from "./bytes";
import type { Code, Findings } from "./findings";
import { decoded } from "./formats";
import { atUs, momentWords } from "./sentences";
import { checkStatement, signed, type StatementInclusion } from "./witnesses";

export const ADDED = "added/";
const STATEMENT = /^added\/[0-9]{6}\.json$/;
const CODES: Record<string, Code> = { add: "added", choose: "added-chosen", withdraw: "added-withdrawn" };

interface Act {
  serial: number;
  action: string;
  title: string;
  kind: string;
  startedUs: number;
  number: number;
  equipment: string;
  fileName: string;
  mediaType: string;
  bytes: number;
  sha256: string;
  durationMs: number;
  hasAudio: boolean;
  by: string;
  byZh: string;
  atUs: number;
  reason: string;
}

interface AddedStatement {
  version: number;
  sittingId: string;
  manifestSha256: string;
  previousSha256: string;
  act: Act;
  madeUs: number;
  software: string;
  keyId: string;
}

interface Inputs {
  files: Map<string, Source>;
  findings: Findings;
  key: Bytes;
  sittingId: string;
  recordSha256: string;
  /** Names that the court's statement on this copy says to be absent. */
  leftOut: Set<string>;
  count: (bytes: number) => void;
}

/** Check all of it; answers the names that are, or may be, there. */
export async function checkAdded(inputs: Inputs): Promise<string[]> {
  const check = new AddedCheck(inputs);
  return check.run();
}

class AddedCheck {
  private statements = 0;
  private head = "";
  private logged = 0;
  /** Of every version: its file's size by SHA-256. */
  private readonly signedFiles = new Map<string, number>();
  private readonly versions = new Map<string, string[]>();

  constructor(private readonly inputs: Inputs) {}

  async run(): Promise<string[]> {
    const { files, findings } = this.inputs;
    const names = [...files.keys()].filter((name) => name.startsWith(ADDED)).sort();
    const statements = names.filter((name) => STATEMENT.test(name));
    for (const name of statements) await this.statement(name);
    await this.stored();
    const known = new Set(statements.flatMap((name) => [name, besides(name, ".sig"), besides(name, ".inclusion.json")]));
    for (const sha256 of this.signedFiles.keys()) known.add(ADDED + sha256);
    for (const name of names) if (!known.has(name)) findings.add("added-unlisted", name);
    const of = statements.length;
    if (of > 0) findings.add("added-logged", `${this.logged} of ${of}`, `共 ${of} 份，已登记 ${this.logged} 份`);
    return names;
  }

  private async statement(name: string): Promise<void> {
    const { findings, key } = this.inputs;
    const [data, signature] = [(await this.take(name))!, await this.take(besides(name, ".sig"))];
    if (!signature || !signed(key, data, signature)) findings.add("added-wrong", `${name}, its signature`, `${name}，签名不符`);
    const statement = decoded<AddedStatement>(data, "AddedStatement");
    if (!statement) return findings.add("added-wrong", `${name}, unreadable`, `${name}，无法读取`);
    const wrong = this.wrong(name, statement);
    [this.statements, this.head] = [Math.max(this.statements + 1, statement.act.serial), hex(await digest(data))];
    if (wrong) findings.add("added-wrong", `${name}, ${wrong}`);
    findings.add(CODES[statement.act.action]!, ...words(statement.act));
    await this.proof(besides(name, ".inclusion.json"), this.head);
  }

  /** What does not hold of a statement that is the next. */
  private wrong(name: string, { sittingId, manifestSha256, previousSha256, act }: AddedStatement): string {
    if (sittingId !== this.inputs.sittingId || manifestSha256 !== this.inputs.recordSha256) return "of another record";
    if (act.serial !== this.statements + 1 || name !== `${ADDED}${String(act.serial).padStart(6, "0")}.json`) return "not the next";
    if (previousSha256 !== this.head) return "does not name the one before";
    const recording = JSON.stringify([act.title, act.kind, act.startedUs]);
    const versions = this.versions.get(recording) ?? [];
    this.versions.set(recording, versions);
    if (act.action === "add") {
      if (act.number !== versions.length + 1) return "not the next version";
      versions.push(act.sha256);
      this.signedFiles.set(act.sha256, act.bytes);
    } else if (versions[act.number - 1] !== act.sha256) return "of no version that was added";
    else if (act.action === "withdraw" && !act.reason) return "withdrawn without a reason";
    return "";
  }

  private async proof(name: string, sha256: string): Promise<void> {
    const data = await this.take(name);
    if (!data) return;
    const found = decoded<StatementInclusion>(data, "StatementInclusion");
    if (found && (await checkStatement(found, sha256, this.inputs.key)) === null) this.logged += 1;
    else this.inputs.findings.add("inclusion-wrong", name);
  }

  /** The files themselves. */
  private async stored(): Promise<void> {
    const { files, findings, leftOut, count } = this.inputs;
    for (const [sha256, size] of this.signedFiles) {
      const name = ADDED + sha256;
      const source = files.get(name);
      if (!source) {
        findings.add(leftOut.has(name) ? "added-withheld" : "added-missing", name);
        continue;
      }
      const found = await digestOf(source, count);
      if (found[0] !== size || found[1] !== sha256) findings.add("added-altered", name);
      if (leftOut.has(name)) findings.add("statement-wrong", `said to be absent, ${name}`);
    }
  }

  private async take(name: string): Promise<Bytes | null> {
    const source = this.inputs.files.get(name);
    if (!source) return null;
    const data = await read(source);
    this.inputs.count(data.length);
    return data;
  }
}

const besides = (name: string, ending: string): string => name.replace(/\.json$/, ending);

function words(act: Act): [string, string] {
  const [[at, atZh], [began, beganZh]] = [momentWords(atUs(act.atUs)), momentWords(atUs(act.startedUs))];
  const byZh = act.byZh || act.by;
  const [english, chinese] = [`“${act.title}”, version ${act.number}`, `《${act.title}》第 ${act.number} 版`];
  if (act.action === "add") {
    return [
      `${english}, made with ${act.equipment}, said to have begun ${began}, added by ${act.by} on ${at}`,
      `${chinese}，设备：${act.equipment}，据称始于 ${beganZh}，由${byZh}于 ${atZh} 补充`,
    ];
  }
  const [done, doneZh] = [`${english}, by ${act.by} on ${at}`, `${chinese}，由${byZh}于 ${atZh} 作出`];
  return act.action === "withdraw" ? [`${done}: ${act.reason}`, `${doneZh}：${act.reason}`] : [done, doneZh];
}
