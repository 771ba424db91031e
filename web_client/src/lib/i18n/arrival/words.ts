import { inReadersLanguage } from "../choose";
import { en } from "./en";
import { zh } from "./zh";

/** The words of the arrival; reactive where they are read in a component. */
export const arrivalWords = () => inReadersLanguage(en, zh);
