/** What the page says, in both languages. */

export interface Words {
  title: string;
  lead: string;
  here: string;
  step1: string;
  step1Hint: string;
  chooseZip: string;
  chooseFolder: string;
  drop: string;
  chosen: (files: number, size: string) => string;
  step2: string;
  step2Hint: string;
  keyField: string;
  keyFile: string;
  keyBad: string;
  start: string;
  nothing: string;
  busy: string;
  good: string;
  goodSays: string;
  goodWithheld: string;
  withheldSays: string;
  goodPart: string;
  partSays: string;
  bad: string;
  badSays: string;
  untrusted: string;
  facts: string;
  caseOf: string;
  court: string;
  held: string;
  sealed: string;
  signedBy: string;
  root: string;
  amount: (tracks: number, chunks: string, size: string) => string;
  found: string;
  nothingFound: string;
  severity: Record<"error" | "warning" | "note", string>;
  failed: (why: string) => string;
  proves: string;
  again: string;
}

export const en: Words = {
  title: "Check a court record",
  lead: "Is this record complete? Was anything changed since the court sealed it? This page finds out.",
  here: "Nothing leaves this computer. The page works without a network, and you may switch yours off.",
  step1: "1. The record",
  step1Hint: "The folder or the ZIP file that the court gave you.",
  chooseZip: "Choose a ZIP file",
  chooseFolder: "Choose a folder",
  drop: "or drop either of them here",
  chosen: (files, size) => `${files} files, ${size}`,
  step2: "2. The court's key",
  step2Hint: "Paste the public key that the court publishes, or choose its file. Without it the enclosed key is used, which shows that the parts fit together, not who made them.",
  keyField: "Public key (begins with -----BEGIN PUBLIC KEY-----)",
  keyFile: "Choose the key's file",
  keyBad: "This is not a court's public key. It begins with -----BEGIN PUBLIC KEY----- and is of the kind Ed25519.",
  start: "Check the record",
  nothing: "Choose a record first.",
  busy: "Checking every byte",
  good: "Complete and unaltered",
  goodSays: "Every stored byte is as it was when the court sealed the record.",
  goodWithheld: "Complete except for what is withheld; unaltered",
  withheldSays: "The spans below are withheld under an order. Everything else is as it was when the court sealed the record.",
  goodPart: "This part is complete and unaltered",
  partSays: "This copy is of a part of the record only. What is outside that part is not in it, and is not withheld.",
  bad: "Incomplete or altered",
  badSays: "Do not rely on this copy. What is wrong is listed below. Ask the court for the record again.",
  untrusted: "The key came with the record. Compare its identity with the one that the court publishes.",
  facts: "What was checked",
  caseOf: "Case",
  court: "Court",
  held: "On record (UTC)",
  sealed: "Sealed (UTC)",
  signedBy: "Identity of the key (SHA-256)",
  root: "Manifest (SHA-256)",
  amount: (tracks, chunks, size) => `${tracks} tracks of sound and picture in ${chunks} sealed pieces, ${size}`,
  found: "What was found",
  nothingFound: "Nothing else to say.",
  severity: { error: "Wrong", warning: "Look at this", note: "Note" },
  failed: (why) => `The record could not be read to its end: ${why}.`,
  proves: "A match proves that nothing was altered since it was recorded. It says nothing about what happened before the sound and the picture reached the court.",
  again: "Check another record",
};

export const zh: Words = {
  title: "核验庭审记录",
  lead: "记录是否完整？法院封存之后是否有过改动？本页面为您核验。",
  here: "任何内容都不会离开本机。本页面无需网络，您可以断网使用。",
  step1: "1. 庭审记录",
  step1Hint: "法院交给您的文件夹或 ZIP 文件。",
  chooseZip: "选择 ZIP 文件",
  chooseFolder: "选择文件夹",
  drop: "也可将其拖放到此处",
  chosen: (files, size) => `${files} 个文件，${size}`,
  step2: "2. 法院公钥",
  step2Hint: "粘贴法院公布的公钥，或选择公钥文件。未提供时使用所附公钥：只能说明各部分彼此相符，不能说明由谁制作。",
  keyField: "公钥（以 -----BEGIN PUBLIC KEY----- 开头）",
  keyFile: "选择公钥文件",
  keyBad: "这不是法院公钥。公钥以 -----BEGIN PUBLIC KEY----- 开头，类型为 Ed25519。",
  start: "开始核验",
  nothing: "请先选择庭审记录。",
  busy: "正在逐字节核验",
  good: "记录完整，未被改动",
  goodSays: "所存储的每个字节均与法院封存时一致。",
  goodWithheld: "除不予公开的时段外完整，未被改动",
  withheldSays: "下列时段依决定不予公开，其余内容均与法院封存时一致。",
  goodPart: "这一部分完整，未被改动",
  partSays: "本副本仅为记录的一部分。所选部分之外的内容不在其中，并非不予公开。",
  bad: "记录不完整或已被改动",
  badSays: "请勿使用此份副本。问题列于下方，请向法院重新索取。",
  untrusted: "公钥随记录附带，请将其标识与法院公布的标识核对。",
  facts: "核验内容",
  caseOf: "案件",
  court: "法院",
  held: "记录时间（UTC）",
  sealed: "封存时间（UTC）",
  signedBy: "公钥标识（SHA-256）",
  root: "清单（SHA-256）",
  amount: (tracks, chunks, size) => `音视频轨 ${tracks} 条，封存数据块 ${chunks} 个，${size}`,
  found: "核验发现",
  nothingFound: "没有其他事项。",
  severity: { error: "错误", warning: "请注意", note: "说明" },
  failed: (why) => `未能读完记录：${why}。`,
  proves: "核验相符表明记录自录制以来未被改动，但不能说明声音和画面到达法院之前的情况。",
  again: "核验另一份记录",
};
