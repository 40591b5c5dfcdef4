// What node says about a module: its imports, and its sizes in bytes.
import { readFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";

const bytes = readFileSync(process.argv.at(-1));
const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes));
console.log(
  JSON.stringify({
    imports: imports.map(({ module, name }) => `${module} ${name}`),
    raw: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    brotli: brotliCompressSync(bytes).length,
  }),
);
