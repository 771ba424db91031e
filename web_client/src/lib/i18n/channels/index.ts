import { inReadersLanguage } from "../choose";
import { en, type ChannelWords } from "./en";
import { zh } from "./zh";

/** In the reader's language; reactive where it is read in a component. */
export const channelWords = (): ChannelWords => inReadersLanguage(en, zh);
