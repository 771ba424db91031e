import { inReadersLanguage } from "../choose";
import { en, type ShareWords } from "./en";
import { zh } from "./zh";

/** In the reader's language; reactive where it is read in a component. */
export const shareWords = (): ShareWords => inReadersLanguage(en, zh);
