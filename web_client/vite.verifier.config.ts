/** Builds the page that checks a record: one file that opens from disk, with everything in it. */
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";

const asText = (source: string | Uint8Array): string => (typeof source === "string" ? source : new TextDecoder().decode(source));

/** Puts the script and the style sheet into the page itself. */
const inOneFile: Plugin = {
  name: "in-one-file",
  enforce: "post",
  generateBundle(_, bundle) {
    const files = Object.values(bundle);
    const html = files.find((file) => file.fileName.endsWith(".html"));
    if (html?.type !== "asset") return this.error("there is no page");
    let page = asText(html.source).replace(/\s*<(script|link)[^>]*(src|href)="[^"]*"[^>]*>(<\/script>)?/g, "");
    for (const file of files) {
      if (file === html) continue;
      // A script's text ends where its end tag first stands, in a string too.
      if (file.type === "chunk") page = insert(page, "</body>", `<script type="module">${file.code.replaceAll("</script", "<\\/script")}</script>`);
      else if (file.fileName.endsWith(".css")) page = insert(page, "</head>", `<style>${asText(file.source)}</style>`);
      else this.error(`${file.fileName} cannot be put into the page`);
      delete bundle[file.fileName];
    }
    html.source = page;
  },
};

function insert(page: string, before: string, what: string): string {
  const at = page.lastIndexOf(before);
  return `${page.slice(0, at)}${what}\n${page.slice(at)}`;
}

export default defineConfig({
  plugins: [svelte(), inOneFile],
  publicDir: false,
  build: {
    outDir: "../hearing_server/web/static",
    emptyOutDir: false,
    target: ["chrome111", "firefox115", "safari16.4"],
    modulePreload: false,
    rollupOptions: { input: ["verify.html"] },
  },
});
