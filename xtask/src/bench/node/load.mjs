// How long a module takes to load, by the engine's own clock: `node load.mjs MODULE.wasm`.
import { readFileSync } from "node:fs";

const bytes = readFileSync(process.argv.at(-1));
const begun = performance.now();
const module = new WebAssembly.Module(bytes);
const compiled = performance.now();
const { exports } = new WebAssembly.Instance(module, {});
exports.raw_version();
const done = performance.now();
console.log(JSON.stringify({ compile_ms: compiled - begun, instantiate_ms: done - compiled }));
