/** Without news from the court for so long, in s, the page says so (client-style §5). */
export const STALE_S = 30;
