import { inReadersLanguage } from "../choose";
import { en, type LevelWords } from "./en";
import { zh } from "./zh";

/** In the reader's language; reactive where it is read in a component. */
export const levelWords = (): LevelWords => inReadersLanguage(en, zh);
