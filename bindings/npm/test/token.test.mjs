import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, readlinkSync, renameSync, rmdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { Auth, AuthError } from "pi-auth";

import { age, anthropic, control, copilot, EXPIRED, FRESH, grants, home, isValid, listen, NATIVE, needsSandbox, nextGrant, run, runNode, SANDBOX, set } from "./support.mjs";

test("a fresh token is served as it is: nothing is sent, locked or written", needsSandbox, async () => {
  const it = await home();
  const stored = await anthropic(FRESH);
  it.store({ anthropic: stored });
  const log = await listen();
  const { key, notes } = await new Auth(it.options).token("anthropic");
  const { value, kind, source, expiresMs } = key;
  assert.deepEqual([value, kind, source, expiresMs], [stored.access, "oauth", "stored", stored.expires + 300_000]);
  assert.deepEqual(notes, []);
  assert.deepEqual(await log(), []);
  assert.deepEqual(it.names(), ["oauth.json"]);
});

test("an expired token is refreshed, and what is not ours stays as it is, to the byte", needsSandbox, async () => {
  const it = await home();
  const { refresh, access, expires } = await anthropic(EXPIRED);
  const before = `{ "openai" : {"type":"api_key", "key":"sk-1", "odd": 1.50e3},
    "anthropic":{"type":"oauth","refresh":"${refresh}","access":"${access}","expires":${expires},"extra":[1,  2]},
  "x": null, "x": {"type":"later"} }\n\n`;
  it.write("auth.json", before);
  const { key } = await new Auth(it.options).token("anthropic");
  assert.ok(await isValid({ access: key.value }));
  const entry = it.entry("anthropic", "auth.json");
  assert.ok(await isValid({ refresh: entry.refresh }));
  const expected = before
    .replace(refresh, entry.refresh)
    .replace(access, entry.access)
    .replace(String(expires), String(entry.expires));
  assert.equal(it.read("auth.json"), expected);
  assert.deepEqual([it.mode(), it.mode("auth.json")], ["700", "600"]);
  assert.deepEqual(it.names(), ["auth.json"]);
});

test("an option that the core cannot take is an error like any other", async () => {
  const it = await home();
  for (const minValidityMs of [-1, 0.5, "1"]) {
    await assert.rejects(new Auth(it.options).token("anthropic", { minValidityMs }), (error) => {
      assert.ok(error instanceof AuthError);
      assert.equal(error.code, "bad_input");
      return true;
    });
  }
});

test("a token that a server refused is refreshed, unless somebody has done so", needsSandbox, async () => {
  const it = await home();
  const stored = await anthropic(FRESH);
  it.store({ anthropic: stored });
  const auth = new Auth(it.options);
  const next = await auth.token("anthropic", { rejected: stored.access });
  assert.notEqual(next.key.value, stored.access);
  const again = await auth.token("anthropic", { rejected: stored.access });
  assert.equal(again.key.value, next.key.value);
});

test("10 jobs of one process make one refresh", needsSandbox, async () => {
  const it = await home();
  it.store({ anthropic: await anthropic(EXPIRED) });
  const before = (await grants()).grants;
  const auth = new Auth(it.options);
  const all = await Promise.all(Array.from({ length: 10 }, () => auth.token("anthropic")));
  assert.equal(new Set(all.map(({ key }) => key.value)).size, 1);
  assert.equal((await grants()).grants, before + 1);
});

for (const [title, natives] of [
  ["10 processes of ours make one refresh", 0],
  ["10 processes of ours and 10 native ones make one refresh", 10],
]) {
  const skip = needsSandbox.skip || (natives > 0 && !NATIVE && "PI_AUTH_NATIVE names no pi");
  test(title, { skip }, async (context) => {
    const it = await home();
    it.store({ anthropic: await anthropic(EXPIRED) }, "auth.json");
    // Long enough for many of them to be there before the answer is.
    await set(context, { token_delay_ms: 2000 });
    const before = (await grants()).grants;
    const ours = Array.from({ length: 10 }, () => runNode("token", ["anthropic"], it.environment));
    const theirs = Array.from({ length: natives }, () => run(NATIVE, ["token", "anthropic"], it.environment));
    const all = await Promise.all([...ours, ...theirs].map(({ ended }) => ended));
    const { access } = it.entry("anthropic", "auth.json");
    for (const { code, stdout, stderr } of all) assert.deepEqual([code, stdout], [0, `${access}\n`], stderr);
    assert.equal((await grants()).grants, before + 1);
    assert.deepEqual(it.names().filter((name) => !name.endsWith(".flock")), ["auth.json"]);
  });
}

test("an AbortSignal loses no answer of a refresh", needsSandbox, async (context) => {
  const it = await home();
  const stored = await anthropic(EXPIRED);
  it.store({ anthropic: stored });
  await set(context, { token_delay_ms: 500 });
  const granted = await nextGrant();
  const stop = new AbortController();
  const job = new Auth(it.options).token("anthropic", { signal: stop.signal });
  await granted();
  stop.abort();
  await job.catch((error) => assert.equal(error.code, "cancelled"));
  assert.ok(await isValid({ refresh: it.entry("anthropic").refresh }));
});

test("a lock that somebody holds is waited for, and its holder's token is used", needsSandbox, async () => {
  const it = await home();
  it.store({ anthropic: await anthropic(EXPIRED) });
  mkdirSync(it.path("auth.json.lock"));
  const job = new Auth(it.options).token("anthropic");
  await new Promise((resolve) => setTimeout(resolve, 300));
  const newer = await anthropic(FRESH);
  it.store({ anthropic: newer });
  const log = await listen();
  rmdirSync(it.path("auth.json.lock"));
  assert.equal((await job).key.value, newer.access);
  assert.deepEqual(await log(), []);
});

test("waiting for a lock ends when it is asked to", needsSandbox, async () => {
  const it = await home();
  it.store({ anthropic: await anthropic(EXPIRED) });
  mkdirSync(it.path("auth.json.lock"));
  const job = new Auth(it.options).token("anthropic", { signal: AbortSignal.timeout(200) });
  await assert.rejects(job, { code: "cancelled" });
  assert.deepEqual(it.names(), ["auth.json.lock", "oauth.json"]);
});

test("a dead lock is taken over", needsSandbox, async () => {
  const it = await home();
  it.store({ anthropic: await anthropic(EXPIRED) });
  const lock = it.path("auth.json.lock");
  mkdirSync(lock);
  // One of ours: the agent's would be watched for 18 s.
  chmodSync(lock, 0o1700);
  age(lock, 31_000);
  await new Auth(it.options).token("anthropic");
  assert.deepEqual(it.names(), ["oauth.json"]);
});

test("a lock that is lost in a slow request: read again, merge, write", needsSandbox, async (context) => {
  const it = await home();
  it.store({ anthropic: await anthropic(EXPIRED) });
  await set(context, { token_delay_ms: 1500 });
  const granted = await nextGrant();
  const job = new Auth(it.options).token("anthropic");
  await granted();
  // Somebody takes it for dead, takes it over, and writes another login.
  rmdirSync(it.path("auth.json.lock"));
  mkdirSync(it.path("auth.json.lock"));
  it.store({ ...JSON.parse(it.read()), other: { type: "api_key", key: "k" } });
  setTimeout(() => rmdirSync(it.path("auth.json.lock")), 2500);
  const { key } = await job;
  assert.deepEqual(it.entry("other"), { type: "api_key", key: "k" });
  assert.equal(it.entry("anthropic").access, key.value);
  assert.deepEqual(it.names(), ["oauth.json"]);
});

test("the agent moves the file in a slow request: who comes then waits, and no token is sent twice", needsSandbox, async (context) => {
  const it = await home();
  it.store({ anthropic: await anthropic(EXPIRED) });
  await set(context, { token_delay_ms: 1500 });
  const log = await listen();
  const granted = await nextGrant();
  const first = new Auth(it.options).token("anthropic");
  await granted();
  // As an agent does that starts now.
  const moved = it.read();
  renameSync(it.path("oauth.json"), it.path("oauth.json.migrated"));
  it.write("auth.json", moved);
  const second = runNode("token", ["anthropic"], it.environment);
  const { key } = await first;
  assert.deepEqual((await second.ended).stdout, `${key.value}\n`);
  assert.deepEqual((await log()).map(({ kind }) => kind), ["refreshed"]);
  assert.equal(it.entry("anthropic", "auth.json").access, key.value);
  assert.ok(await isValid({ refresh: it.entry("anthropic", "auth.json").refresh }));
  assert.deepEqual(it.names(), ["auth.json", "oauth.json.migrated"]);
});

test("links are followed, and stay", needsSandbox, async () => {
  const it = await home();
  mkdirSync(`${it.root}/elsewhere`);
  it.write("keep", "");
  writeFileSync(`${it.root}/elsewhere/real.json`, JSON.stringify({ anthropic: await anthropic(EXPIRED) }), { mode: 0o600 });
  symlinkSync("../elsewhere/real.json", it.path("auth.json"));
  const { key } = await new Auth(it.options).token("anthropic");
  assert.equal(readlinkSync(it.path("auth.json")), "../elsewhere/real.json");
  const stored = JSON.parse(readFileSync(`${it.root}/elsewhere/real.json`, "utf8"));
  assert.equal(stored.anthropic.access, key.value);
  assert.equal(statSync(`${it.root}/elsewhere/real.json`).mode & 0o777, 0o600);
});

test("auth.json wins over oauth.json", needsSandbox, async () => {
  const it = await home();
  const [old, current] = [await anthropic(FRESH), await anthropic(FRESH)];
  it.store({ anthropic: old });
  it.store({ anthropic: current }, "auth.json");
  assert.equal((await new Auth(it.options).token("anthropic")).key.value, current.access);
});

test("a refresh that fails keeps the login, and others do not ask again at once", needsSandbox, async (context) => {
  const it = await home();
  const stored = await anthropic(EXPIRED);
  it.store({ anthropic: stored });
  context.after(() => control("DELETE", "faults"));
  await control("POST", "faults", [{ status: { code: 503 } }]);
  const log = await listen();
  const auth = new Auth(it.options);
  await assert.rejects(auth.token("anthropic"), { code: "retry_later" });
  await assert.rejects(auth.token("anthropic"), { code: "retry_later" });
  assert.equal((await log()).length, 1);
  assert.equal(it.entry("anthropic").refresh, stored.refresh);
  assert.deepEqual([it.names(), it.mode("auth.json.backoff")], [["auth.json.backoff", "oauth.json"], "600"]);
});

test("an overrides file that was named has to be there", needsSandbox, async () => {
  const it = await home();
  it.store({ anthropic: await anthropic(EXPIRED) });
  const auth = new Auth({ ...it.options, overrides: `${it.root}/mistyped.json` });
  await assert.rejects(auth.token("anthropic"), (error) => error.code === "bad_input" && error.message.includes("mistyped.json"));
});

test("what cannot be reached is told apart", needsSandbox, async () => {
  const it = await home();
  it.store({ anthropic: await anthropic(EXPIRED) });
  // Nobody listens at port 9 of this machine.
  writeFileSync(it.overrides, JSON.stringify({ anthropic: { token_url: "http://127.0.0.1:9/" } }));
  await assert.rejects(new Auth(it.options).token("anthropic"), { code: "retry_later", message: /no connection|reach|connect/i });
});

test("which key wins, and what carries it", needsSandbox, async () => {
  const it = await home();
  const environment = { ...it.environment, ANTHROPIC_API_KEY: "sk-ant-api03-x", ANTHROPIC_OAUTH_TOKEN: "sk-ant-oat01-y" };
  const auth = new Auth({ environment });
  assert.deepEqual((await auth.token("anthropic")).key.source, { variable: "ANTHROPIC_OAUTH_TOKEN" });
  assert.equal((await auth.token("anthropic", { callerKey: "mine" })).key.value, "mine");
  const stored = await anthropic(FRESH);
  it.store({ anthropic: stored });
  const { headers, baseUrl } = await auth.headers("anthropic");
  assert.deepEqual(headers[0], { name: "Authorization", value: `Bearer ${stored.access}` });
  assert.equal(baseUrl, SANDBOX, "the overrides of the sandbox name its own address");
});

test("status and logout", needsSandbox, async () => {
  const it = await home();
  it.store({ openai: { type: "api_key", key: "k" }, anthropic: await anthropic(FRESH), "github-copilot": await copilot(EXPIRED) });
  const auth = new Auth(it.options);
  const { keys, path } = await auth.status();
  assert.ok(path.endsWith("/agent/oauth.json"), path);
  assert.deepEqual(keys.map(({ provider, state }) => [provider.id, state]), [["anthropic", "ready"], ["github-copilot", "refresh_due"], ["openai", "ready"]]);
  const out = await auth.logout({ all: true, confirmed: true });
  assert.deepEqual(out.providers.map(({ id }) => id), ["anthropic", "github-copilot"]);
  assert.deepEqual(JSON.parse(it.read()), { openai: { type: "api_key", key: "k" } });
  // Nobody is there to confirm it.
  it.store({ anthropic: await anthropic(FRESH) });
  await assert.rejects(auth.logout({ all: true }), { code: "bad_input" });
  assert.ok(it.entry("anthropic"));
});
