// Every block of code in README.md: type-checked, and run against the sandbox as it stands there.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { compile, folder, here } from "./installed.mjs";
import { anthropic, codeOf, copilot, FRESH, home, isValid, letIn, needsSandbox, run, SANDBOX, settings } from "./support.mjs";

const blocks = [...readFileSync(join(here, "README.md"), "utf8").matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language, code]) => ({ language, code }));
const [token, ui, agents, core, ...more] = blocks.filter(({ language }) => language === "js").map(({ code }) => code);

test("these are the blocks, and no others", () => {
  assert.deepEqual(more, []);
  assert.ok(core);
  const commands = blocks.filter(({ language }) => language !== "js").map(({ language, code }) => `${language}: ${code.trim()}`);
  // The first is how this test got here; the second is run by the tests of the agent.
  assert.deepEqual(commands, ["sh: npm install pi-auth", "sh: pi install npm:pi-auth"]);
});

test("each compiles against the package's types", () => {
  const declared = `declare const ui: { print(...words: unknown[]): void; ask(...words: unknown[]): Promise<string>; progress(waiting: unknown): void };
declare const url: string;
declare const body: string;
declare const vault: { read(): Promise<import("pi-auth").OAuthCredentials | null>; write(credentials: import("pi-auth").OAuthCredentials): Promise<void> };
declare function perform(effect: import("pi-auth/core").Effect): Promise<import("pi-auth/core").Event>;
`;
  const files = [token, ui, agents, core].map((code, index) => {
    writeFileSync(join(folder, `readme-${index}.ts`), `${declared}${code}export {};\n`);
    return `readme-${index}.ts`;
  });
  // They are JavaScript: a parameter without a type is none of their business.
  compile(files, { noImplicitAny: false });
});

/** Starts a block between these lines. */
function start(environment, before, code, after) {
  mkdirSync(join(folder, "readme"), { recursive: true });
  const file = join(folder, "readme", `${Math.random()}.mjs`);
  // The real address, for which the file of overrides has no key, is the sandbox.
  const redirect = `const real = globalThis.fetch; globalThis.fetch = (url, init) => real(String(url).replace("https://api.anthropic.com", ${JSON.stringify(SANDBOX)}), init);`;
  writeFileSync(file, `${redirect}\n${before}\n${code}\n${after}\n`);
  return run(process.execPath, [file], environment, { cwd: folder, keepInput: true });
}

/** Enters the code that a block shows at its terminal. */
async function enter({ hear }) {
  const [, user_code] = await hear(/\b([A-Z0-9]{4}-[A-Z0-9]{4})\b/);
  const [verification_uri] = await hear(/http:\/\/\S+\/login\/device/);
  await letIn({ verification_uri, user_code });
}

test("a token, and the headers that carry it", needsSandbox, async () => {
  const it = await home();
  const running = start(it.environment, "", token, `console.log(response.status, (await response.json()).type);`);
  const [url] = await running.hear(/http:\/\/\S+\/oauth\/authorize\S+/);
  running.child.stdin.end(`${await codeOf(url)}\n`);
  const { code, stdout, stderr } = await running.ended;
  assert.deepEqual([code, stdout], [0, "200 message\n"], stderr);
  assert.ok(await isValid({ access: it.entry("anthropic").access }));
});

test("your own user interface", needsSandbox, async () => {
  const it = await home();
  await settings({ github: { interval_s: 1 } });
  const interface_ = `const ui = { print: (...words) => console.error(...words), ask: async () => "", progress() {} };`;
  const running = start(it.environment, interface_, ui, "");
  await enter(running);
  const { code, stderr } = await running.ended;
  assert.equal(code, 0, stderr);
  assert.ok(it.entry("github-copilot").access);
});

test("for agents", needsSandbox, async () => {
  const it = await home();
  await settings({ github: { interval_s: 1 } });
  it.store({ anthropic: await anthropic(FRESH) });
  const body = JSON.stringify({ model: "gpt-4.1", messages: [{ role: "user", content: "hello" }] });
  const before = `const url = ${JSON.stringify(`${SANDBOX}/github.com/copilot/chat/completions`)}; const body = ${JSON.stringify(body)}; const vault = { read: async () => own_, write: async () => {} }; const own_ = ${JSON.stringify(await copilot(FRESH))};`;
  const running = start(it.environment, before, agents, `const own = await ownFetch(url, { method: "POST", body }); console.log(response.status, own.status, key);`);
  await enter(running);
  const { code, stdout, stderr } = await running.ended;
  assert.deepEqual([code, stdout], [0, `200 200 ${it.entry("anthropic").access}\n`], stderr);
  assert.equal(it.entry("github-copilot"), undefined);
});

test("pi-auth/core", needsSandbox, async () => {
  const it = await home();
  const contents = JSON.stringify({ anthropic: { type: "oauth", refresh: "r", access: "a", expires: 8e12 } });
  const before = `const perform = async () => ({ type: "store_read", path: "auth.json", contents: ${JSON.stringify(contents)} });`;
  const { code, stdout, stderr } = await start(it.environment, before, core, `console.log(flow.effect.output.key.value);`).ended;
  assert.deepEqual([code, stdout], [0, "a\n"], stderr);
});
