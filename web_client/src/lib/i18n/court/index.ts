/** Words of the bench's controls; only the courtroom loads them. */
import { inReadersLanguage } from "../choose";
import { en, type CourtWords } from "./en";
import { zh } from "./zh";

/** In the reader's language; reactive where it is read in a component. */
export const courtWords = (): CourtWords => inReadersLanguage(en, zh);
