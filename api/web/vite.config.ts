// Bundles the map into dist/, which the API process serves at `/`. Nothing is fetched from elsewhere at run time:
// MapLibre, its worker and its style sheet become files of the bundle.
import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "/",
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the content policy allows files of this origin
    chunkSizeWarningLimit: 1500, // MapLibre is one piece
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
});
