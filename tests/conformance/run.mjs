// The core as a WebAssembly module in Node: `node run.mjs raw|javascript FOLDER-OF-THE-MODULE`.
//
// A call a line on standard input, its answer a line on standard output, as the module gave it:
//
//   {"start": "REQUEST"}    {"step": "EVENT", "handle": 7, "now_ms": 1700000000000}    {"drop": 7}
//   {"call": "CALL"}        {"anew": true}, for a module in which nothing has happened yet
//
// What to call, and what has to come of it, is told by `tests/tests/conformance`.
import { createInterface } from "node:readline";

import * as doors from "../../bindings/tests/door.mjs";

const [door, folder] = process.argv.slice(2);
let core = await doors[door](folder);
for await (const line of createInterface({ input: process.stdin })) {
  const { anew, drop, start, call, step, handle, now_ms } = JSON.parse(line);
  if (anew) core = await doors[door](folder);
  else if (drop !== undefined) core.drop(drop);
  else if (start !== undefined) console.log(core.start(start));
  else if (call !== undefined) console.log(core.call(call));
  else console.log(core.step(handle, step, now_ms));
}
