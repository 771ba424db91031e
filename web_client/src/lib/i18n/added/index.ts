import { inReadersLanguage } from "../choose";
import { en, type AddedWords } from "./en";
import { zh } from "./zh";

/** In the reader's language; reactive where it is read in a component. */
export const addedWords = (): AddedWords => inReadersLanguage(en, zh);
