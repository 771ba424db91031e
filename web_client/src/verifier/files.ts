/** The files of a record, from whatever the person chose or dropped. */
import type { Source } from "./bytes";
import { entriesOf } from "./zip";

/** Files beyond this are no record: a day of hearing has some thousand. */
const MAX_FILES = 1_000_000;

export async function fromList(files: Iterable<File>): Promise<Source[]> {
  const found = [...files];
  const [first] = found;
  if (found.length === 1 && first && first.name.toLowerCase().endsWith(".zip")) return entriesOf(first);
  return found.map((file) => ({ name: file.webkitRelativePath || file.name, size: file.size, blob: async () => file }));
}

/** What was dropped: a ZIP file, files, or a folder with all that is in it. */
export async function fromDrop(data: DataTransfer): Promise<Source[]> {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (!entries.some((entry) => entry.isDirectory)) return fromList(data.files);
  const found: Source[] = [];
  const waiting: FileSystemEntry[] = entries;
  for (let entry = waiting.pop(); entry && found.length < MAX_FILES; entry = waiting.pop()) {
    if (entry.isDirectory) waiting.push(...(await listOf(entry as FileSystemDirectoryEntry)));
    else {
      const file = await new Promise<File>((done, fail) => (entry as FileSystemFileEntry).file(done, fail));
      found.push({ name: entry.fullPath.replace(/^\//, ""), size: file.size, blob: async () => file });
    }
  }
  return found;
}

async function listOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const found: FileSystemEntry[] = [];
  // A reader answers some at a time, and none at the end.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (some.length === 0) return found;
    found.push(...some);
  }
}
