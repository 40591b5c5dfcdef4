// The core as a WebAssembly module in Node: `node run.mjs raw|javascript FOLDER-OF-THE-MODULE`.
//
// A call a line on standard input, its answer a line on standard output, as the module gave it:
//
//   {"start": "REQUEST"}    {"step": "EVENT", "handle": 7, "now_ms": 1700000000000}    {"drop": 7}
//
// What to call, and what has to come of it, is told by `tests/tests/conformance`.
import { createInterface } from "node:readline";

import * as doors from "../../bindings/tests/door.mjs";

const [door, folder] = process.argv.slice(2);
const core = await doors[door](folder);
for await (const line of createInterface({ input: process.stdin })) {
  const call = JSON.parse(line);
  if (call.drop !== undefined) core.drop(call.drop);
  else {
    const { start, step, handle, now_ms } = call;
    console.log(start === undefined ? core.step(handle, step, now_ms) : core.start(start));
  }
}
