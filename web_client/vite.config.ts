import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: "../hearing_server/web/static",
    emptyOutDir: true,
    // The content security policy allows nothing inline, so no asset may become a data: address.
    assetsInlineLimit: 0,
    target: ["chrome111", "firefox115", "safari16.4"],
    rollupOptions: { input: ["index.html", "staff.html"] },
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
});
