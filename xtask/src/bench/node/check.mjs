// How long it takes to get a fresh token out of a store in memory: by a flow of the core, and by the
// least that JavaScript could do instead. `node check.mjs MODULE.wasm` in the folder of the package.
import { readFileSync } from "node:fs";
import { loadCoreSync } from "pi-auth/core";

const WARM_UP = 50;
const ROUNDS = 300;
const BATCH = 100;

const core = loadCoreSync(readFileSync(process.argv.at(-1)));
const now = Date.now();
const login = { type: "oauth", refresh: "sk-ant-ort01-r", access: "sk-ant-oat01-a", expires: now + 3_600_000 };
const contents = JSON.stringify({ anthropic: login }, null, 2);

function byFlow() {
  const flow = core.start({ type: "token", provider: "anthropic" });
  const done = flow.step({ type: "store_read", path: "auth.json", contents }, now);
  return done.output.key.value;
}

function byHand() {
  const { access, expires } = JSON.parse(contents).anthropic;
  return now < expires ? access : undefined;
}

/** How long one takes, in microseconds, over a batch of them. */
function time(check) {
  const begun = performance.now();
  for (let i = 0; i < BATCH; i += 1) {
    if (check() !== login.access) throw new Error("this is not the token");
  }
  return ((performance.now() - begun) * 1000) / BATCH;
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const pairs = Array.from({ length: WARM_UP + ROUNDS }, () => [time(byFlow), time(byHand)]).slice(WARM_UP);
console.log(
  JSON.stringify({
    wasm_us: median(pairs.map(([flow]) => flow)),
    ratio: median(pairs.map(([flow, hand]) => flow / hand)),
  }),
);
