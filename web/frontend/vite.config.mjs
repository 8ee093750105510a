import { defineConfig } from "vite";

// The pages ask dist/manifest.json for the hashed names (keys "src/main.js", "src/diagram.js").
export default defineConfig({
  base: "/static/dist/",
  build: {
    outDir: "../static/dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    // Of the scripts' packages; public/licenses-styles.txt has those that Sass alone reads.
    license: { fileName: "licenses-scripts.md" },
    // Our own icons stay files: `img-src 'self'` is enough for them.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ["src/main.js", "src/diagram.js"] },
  },
});
