import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { Worker } from "node:worker_threads";

import { BadCall, loadCore, loadCoreSync } from "pi-auth/core";

const file = createRequire(import.meta.url).resolve("pi-auth/core.wasm");
const bytes = readFileSync(file);
const dist = (name) => new URL(name, import.meta.resolve("pi-auth/core"));

test("the module has no imports", () => {
  assert.deepEqual(WebAssembly.Module.imports(new WebAssembly.Module(bytes)), []);
});

test("nothing that ./core loads needs Node", () => {
  const seen = new Set();
  const visit = (url) => {
    if (seen.has(url.href)) return;
    seen.add(url.href);
    const source = readFileSync(url, "utf8");
    for (const [, name] of source.matchAll(/(?:from|import)\s*\(?\s*["']([^"']+)["']/g)) {
      assert.match(name, /^\.\//, `${url} imports ${name}`);
      visit(new URL(name, url));
    }
    assert.doesNotMatch(source, /\b(process|Buffer|require)\b[.(]/);
  };
  visit(dist("core.js"));
  assert.ok(seen.size > 1);
});

for (const [name, load] of [
  ["bytes", () => loadCore(bytes)],
  ["an ArrayBuffer", () => loadCore(new Uint8Array(bytes).buffer)],
  ["a module", async () => loadCore(await WebAssembly.compile(bytes))],
  ["bytes, at once", () => loadCoreSync(bytes)],
  ["a module, at once", () => loadCoreSync(new WebAssembly.Module(bytes))],
]) {
  test(`a flow runs in a core that is loaded from ${name}`, async () => {
    const core = await load();
    const flow = core.start({ type: "token", provider: "anthropic" });
    assert.deepEqual([flow.effect, flow.critical, flow.ended], [{ type: "read_store" }, false, false]);
    const stored = { anthropic: { type: "oauth", refresh: "r", access: "access", expires: 2000 } };
    const read = { type: "store_read", path: "auth.json", contents: JSON.stringify(stored) };
    const done = flow.step(read, 1000);
    assert.equal(done.type, "done");
    assert.equal(done.output.key.value, "access");
    assert.equal(flow.ended, true);
  });
}

test("a refresh is critical from its request to the file", async () => {
  const core = await loadCore(bytes);
  const flow = core.start({ type: "token", provider: "anthropic" });
  const stored = { anthropic: { type: "oauth", refresh: "r", access: "a", expires: 0 } };
  const read = { type: "store_read", path: "auth.json", contents: JSON.stringify(stored) };
  const now = 1_700_000_000_000;
  const seen = [];
  const answers = [
    read,
    { type: "overrides_read", path: "o", contents: null },
    { type: "locked" },
    read,
    { type: "backoff_read", contents: null },
    { type: "response", status: 200, body: '{"token_type":"Bearer","access_token":"b","refresh_token":"s","expires_in":3600}' },
    read,
    { type: "written" },
  ];
  for (const answer of answers) {
    seen.push([flow.effect.type, flow.critical]);
    flow.step(answer, now);
  }
  assert.deepEqual(seen, [
    ["read_store", false],
    ["read_overrides", false],
    ["lock_store", false],
    ["read_store", false],
    ["read_backoff", false],
    ["http", true],
    ["read_store", true],
    ["write_store", true],
  ]);
  assert.equal(flow.effect.output.key.value, "b");
});

test("a call that makes no sense is an exception, and leaves the flow as it was", async () => {
  const core = await loadCore(bytes);
  assert.throws(() => core.start({ type: "sk-ant-canary" }), (error) => {
    assert.ok(error instanceof BadCall);
    assert.equal(error.code, "bad_input");
    assert.ok(!error.message.includes("canary"));
    return true;
  });
  const flow = core.start({ type: "status" });
  const { effect } = flow;
  assert.throws(() => flow.step({ type: "no such event" }, 0), BadCall);
  assert.deepEqual(flow.effect, effect);
  assert.equal(flow.step({ type: "woke" }, 0).type, "failed");
  assert.throws(() => flow.step({ type: "woke" }, 0), BadCall);
});

test("a time that is none is the first, and what is too large a bad call", async () => {
  const core = await loadCore(bytes);
  for (const now of [Number.NaN, undefined, -1, -Infinity, 1e30, Infinity, 1.5]) {
    const flow = core.start({ type: "token", provider: "anthropic" });
    const stored = { anthropic: { type: "oauth", refresh: "r", access: "access", expires: 2000 } };
    const next = flow.step({ type: "store_read", path: "auth.json", contents: JSON.stringify(stored) }, now);
    assert.equal(next.type, now > 2 ? "read_overrides" : "done", String(now));
    flow.drop();
  }
  assert.throws(() => core.call("plain", { text: "x".repeat(17 << 20) }), (error) => error instanceof BadCall && error.code === "bad_input");
});

test("half of a character is no reason to fail", async () => {
  const core = await loadCore(bytes);
  const isMigrating = (renamed_ms) => core.call("is_migrating", { renamed_ms, now_ms: 100_000 });
  assert.deepEqual([isMigrating(98_000), isMigrating(97_000)], [true, false]);
  assert.equal(core.call("plain", { text: "a\ud800b" }), "a\ufffdb");
});

test("flows do not see each other, and one that is dropped is gone", async () => {
  const core = await loadCore(bytes);
  const flows = [1, 2, 3].map(() => core.start({ type: "status" }));
  flows[1].drop();
  flows[1].drop();
  assert.equal(flows[1].ended, true);
  assert.throws(() => flows[1].step({ type: "cancelled" }, 0), BadCall);
  for (const flow of [flows[0], flows[2]]) {
    assert.equal(flow.step({ type: "cancelled" }, 0).error.code, "cancelled");
  }
});

test("questions that need no flow", async () => {
  const core = await loadCore(bytes);
  const about = core.call("about", {});
  const { version } = JSON.parse(readFileSync(new URL("../package.json", dist("core.js")), "utf8"));
  assert.equal(about.version, version);
  assert.ok(about.variables.includes("ANTHROPIC_API_KEY"));
  const is = (query) => core.call("is_answered_by", { state: "s", query });
  assert.deepEqual([is("code=c&state=s"), is("code=c&state=t"), is("")], [true, false, false]);
  const isDead = (age_ms, watched_ms, is_ours) => core.call("is_dead_lock", { age_ms, watched_ms, is_ours });
  assert.deepEqual([isDead(31_000, 2600, true), isDead(31_000, 2600, false)], [true, false]);
  const isMigrating = (renamed_ms) => core.call("is_migrating", { renamed_ms, now_ms: 100_000 });
  assert.deepEqual([isMigrating(98_000), isMigrating(97_000)], [true, false]);
  const admit = (host, target) => core.call("admit", { port: 5000, path: "/cb", one_time_path: "/open/x", method: "GET", host, target });
  assert.deepEqual(admit("localhost:5000", "/cb?code=c"), { type: "callback", query: "code=c" });
  assert.deepEqual(admit("[::1]:5000", "/open/x"), { type: "one_time" });
  assert.deepEqual(admit("evil.example", "/cb?code=c"), { type: "page", page: "wrong_host" });
  assert.equal(core.call("page", { page: "already_opened" }).status, 410);
  assert.match(core.call("page", { page: { logged_in: "<b>" } }).html, /logged in to &lt;b&gt;/);
  const commands = (browser, system) => core.call("browser_commands", { url: "https://h/", browser, is_wsl: false, system });
  for (const text of [" w3m", "netrik", "w3m -T text/html %s", "/usr/bin/lynx"]) assert.deepEqual(commands(text, "freedesktop"), [], text);
  assert.deepEqual(commands("nosuch:w3m", "freedesktop"), [["nosuch", "https://h/"]]);
  const firefox = "C:\\Program Files\\Mozilla Firefox\\firefox.exe";
  assert.deepEqual(commands(firefox, "windows"), [[firefox, "https://h/"]]);
  const variables = [["GH_TOKEN", "x"], ["DISPLAY", ":0"], ["https_proxy", "http://me:p@h:1"]];
  assert.deepEqual(core.call("secret_variables", { variables }), ["GH_TOKEN", "https_proxy"]);
  assert.equal(core.call("plain", { text: "a\u001b[2Jb" }), "a[2Jb");
});

test("what the types say of questions is what the module takes and answers", async () => {
  const declared = readFileSync(dist("core.d.ts"), "utf8");
  const membersOf = (name) => {
    const [, body] = new RegExp(`export interface ${name} \\{\n(.*?)^\\}`, "ms").exec(declared);
    return [...body.matchAll(/^    (\w+): (.*?);?$/gm)].map(([, member, type]) => [member, type]);
  };
  const typeOf = (value) => (Array.isArray(value) ? `${typeof value[0]}[]` : typeof value);
  const core = await loadCore(bytes);
  const about = core.call("about", {});
  assert.deepEqual(Object.entries(about).map(([name, value]) => [name, typeOf(value)]), membersOf("About"));
  const calls = {
    about: {},
    is_answered_by: { state: "s", query: "" },
    is_allowed_origin: { origins: [], url: "" },
    admit: { port: 1, path: "/", one_time_path: null, method: "GET", host: null, target: "/" },
    page: { page: { logged_in: "Acme" } },
    browser_commands: { url: "https://h/", browser: "", is_wsl: false, system: "freedesktop" },
    secret_variables: { variables: [["GH_TOKEN", "x"]] },
    is_dead_lock: { age_ms: 0, watched_ms: 0, is_ours: true },
    is_migrating: { renamed_ms: 0, now_ms: 0 },
    plain: { text: "" },
  };
  for (const [type, call] of Object.entries(calls)) core.call(type, call);
  assert.deepEqual(membersOf("Calls").map(([name]) => name), Object.keys(calls));
  assert.throws(() => core.call("another", {}), BadCall);
});

test("bytes that are another module are refused", () => {
  const empty = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  assert.throws(() => loadCoreSync(empty), TypeError);
});

test("it runs in a worker without Node", async () => {
  const source = `
    import { loadCore } from ${JSON.stringify(dist("core.js").href)};
    import { parentPort, workerData } from "node:worker_threads";
    globalThis.process = undefined;
    const core = await loadCore(workerData);
    parentPort.postMessage(core.start({ type: "status" }).effect);
  `;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData: bytes });
  const effect = await new Promise((resolve, reject) => worker.on("message", resolve).on("error", reject));
  assert.deepEqual(effect, { type: "read_overrides" });
  await worker.terminate();
});
