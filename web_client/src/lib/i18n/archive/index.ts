import { inReadersLanguage } from "../choose";
import { en, type ArchiveWords } from "./en";
import { zh } from "./zh";

/** In the reader's language; reactive where it is read in a component. */
export const archiveWords = (): ArchiveWords => inReadersLanguage(en, zh);
