// Answers that grant something and have an odd part: the rest of them is kept. The native host
// meets the same ones (`tests/odd_answers.json`).
import assert from "node:assert/strict";
import { chmodSync, chownSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { Auth, refreshAnthropicToken } from "pi-auth";

import { anthropic, codeOf, control, copilot, DUE, EXPIRED, home, isRoot, isValid, letIn, listen, needsSandbox, settings } from "./support.mjs";

const ANSWERS = JSON.parse(readFileSync(new URL("../../../tests/odd_answers.json", import.meta.url), "utf8"));
const answers = (endpoint, end = "used") => ANSWERS.filter(([at, , , what]) => at === endpoint && what === end);

/** The next answers of this endpoint are these. */
async function spoil(context, endpoint, faults) {
  context.after(() => control("DELETE", "faults"));
  await control("DELETE", "faults");
  await control("POST", `faults/${endpoint}`, faults);
}
const odd = (body) => ({ odd_answer: { body } });
const memory = (it) => it.path("auth.json.backoff");

test("a refresh with an odd part is as good as any", needsSandbox, async (context) => {
  for (const [, name, body] of answers("token")) {
    const it = await home();
    const stored = await anthropic(EXPIRED);
    it.store({ anthropic: stored });
    await spoil(context, "token", [odd(body)]);
    const { key, notes } = await new Auth(it.options).token("anthropic");
    const { access, refresh, expires } = it.entry("anthropic");
    assert.deepEqual([key.value, notes], [access, []], name);
    assert.notEqual(refresh, stored.refresh, name);
    assert.ok(await isValid({ refresh }), name);
    assert.ok(await isValid({ access }), name);
    assert.ok(Math.abs(expires - Date.now() - 3_300_000) < 60_000, name);
  }
});

test("where the access token cannot be used the refresh token is stored, and the next call works", needsSandbox, async (context) => {
  for (const [, name, body] of answers("token", "expired")) {
    const it = await home();
    const stored = await anthropic(EXPIRED);
    it.store({ anthropic: stored });
    await spoil(context, "token", [odd(body)]);
    const auth = new Auth(it.options);
    await assert.rejects(auth.token("anthropic"), { code: "retry_later" }, name);
    const entry = it.entry("anthropic");
    assert.notEqual(entry.refresh, stored.refresh, name);
    assert.ok(await isValid({ refresh: entry.refresh }), name);
    assert.equal(entry.access, stored.access, name);
    assert.ok(entry.expires <= Date.now(), name);
    const log = await listen();
    await assert.rejects(auth.token("anthropic"), { code: "retry_later" }, name);
    assert.deepEqual(await log(), [], name);
    rmSync(memory(it));
    const { key } = await auth.token("anthropic");
    assert.ok(await isValid({ access: key.value }), name);
  }
});

test("an old token that is still valid is served meanwhile", needsSandbox, async (context) => {
  for (const [, name, body] of answers("token", "expired")) {
    const it = await home();
    const stored = await anthropic(DUE);
    it.store({ anthropic: stored });
    await spoil(context, "token", [odd(body)]);
    const { key, notes } = await new Auth(it.options).token("anthropic");
    assert.equal(key.value, stored.access, name);
    assert.match(notes.join("\n"), /still valid for [23] min/, name);
    assert.ok(await isValid({ refresh: it.entry("anthropic").refresh }), name);
  }
});

test("credentials of a caller's own come back with the new refresh token, whatever else is odd", needsSandbox, async (context) => {
  for (const [, name, body, end] of ANSWERS.filter(([at]) => at === "token")) {
    const it = await home();
    const stored = await anthropic(EXPIRED);
    await spoil(context, "token", [odd(body)]);
    const { refresh, access, expires } = await refreshAnthropicToken(stored.refresh, it.options);
    assert.notEqual(refresh, stored.refresh, name);
    assert.ok(await isValid({ refresh }), name);
    assert.equal(await isValid({ access }), end === "used", name);
    assert.equal(expires > Date.now(), end === "used", name);
  }
});

test("a login that is answered oddly is stored, too", needsSandbox, async (context) => {
  for (const [, name, body, end] of ANSWERS.filter(([at]) => at === "token")) {
    const it = await home();
    const interaction = {
      async paste({ url }) {
        const code = await codeOf(url);
        await spoil(context, "token", [odd(body)]);
        return code;
      },
    };
    const { notes } = await new Auth({ ...it.options, interaction }).login({ provider: "anthropic", noBrowser: true });
    const ofTheAnswer = notes.filter((note) => !note.includes(" sends logins and tokens "));
    assert.equal(ofTheAnswer.length, end === "used" ? 0 : 1, name);
    assert.ok(await isValid({ refresh: it.entry("anthropic").refresh }), name);
    const { key } = await new Auth(it.options).token("anthropic");
    assert.ok(await isValid({ access: key.value }), name);
  }
});

test("a Copilot token with an odd part is as good as any", needsSandbox, async (context) => {
  for (const [, name, body] of answers("copilot_token")) {
    const it = await home();
    it.store({ "github-copilot": await copilot(EXPIRED) });
    await spoil(context, "copilot_token", [odd(body)]);
    const { key } = await new Auth(it.options).token("github-copilot");
    assert.ok(await isValid({ copilot: { domain: "github.com", token: key.value } }), name);
    assert.ok(Math.abs(it.entry("github-copilot").expires - Date.now() - 1_500_000) < 100_000, name);
  }
});

test("a login by a code goes through whatever is odd in its answers", needsSandbox, async (context) => {
  await settings({ github: { interval_s: 1 } });
  for (const endpoint of ["device_poll", "device_authorization"]) {
    for (const [, name, body] of answers(endpoint)) {
      const it = await home();
      await spoil(context, endpoint, Array(20).fill(odd(body)));
      const interaction = { showCode: (code) => void letIn(code) };
      await new Auth({ ...it.options, interaction }).login({ provider: "github-copilot", noBrowser: true });
      const { refresh, access } = it.entry("github-copilot");
      assert.ok(await isValid({ github: { domain: "github.com", token: refresh } }), name);
      assert.ok(await isValid({ copilot: { domain: "github.com", token: access } }), name);
    }
  }
});

const secondary = '{"message":"You have exceeded a secondary rate limit."}';
const exceeded = '{"message":"API rate limit exceeded for user ID 1."}';
for (const [name, fault, code, words] of [
  ["a secondary rate limit", { status: { code: 403, headers: {}, body: secondary } }, "retry_later", /too often/],
  ["an exceeded rate limit", { status: { code: 403, headers: {}, body: exceeded } }, "retry_later", /too often/],
  ["none of a quota left", { status: { code: 403, headers: { "x-ratelimit-remaining": "0" }, body: "" } }, "retry_later", /too often/],
  ["403 HTML", { status: { code: 403, headers: {}, body: "<h1>Blocked</h1>" } }, "provider_error", /403/],
  ["407", { status: { code: 407, headers: {}, body: "" } }, "provider_error", /407/],
  ["451", { status: { code: 451, headers: {}, body: "" } }, "provider_error", /451/],
  ["302", { status: { code: 302, headers: { Location: "https://portal.invalid/" }, body: "" } }, "provider_error", /302/],
]) {
  test(`${name} is not asked again by every call`, needsSandbox, async (context) => {
    const it = await home();
    it.store({ "github-copilot": await copilot(EXPIRED) });
    await spoil(context, "copilot_token", [fault, fault]);
    const log = await listen();
    for (let call = 0; call < 3; call += 1) {
      const failed = await new Auth(it.options).token("github-copilot").then(assert.fail, (error) => error);
      assert.deepEqual([failed.name, failed.code], ["AuthError", code]);
      assert.match(failed.message, words);
      if (code === "retry_later") assert.ok(failed.afterMs > 50_000);
    }
    assert.equal((await log()).length, 1);
  });
}

test("a memory of failures that somebody else could have written counts for nothing", needsSandbox, async (context) => {
  const it = await home();
  const stored = await copilot(EXPIRED);
  const limited = { status: { code: 403, headers: {}, body: secondary } };
  const auth = new Auth(it.options);
  const fails = async () => {
    it.store({ "github-copilot": stored });
    rmSync(memory(it), { force: true });
    await spoil(context, "copilot_token", [limited]);
    await assert.rejects(auth.token("github-copilot"), { code: "retry_later" });
  };
  await fails();
  await assert.rejects(auth.token("github-copilot"), { code: "retry_later" }, "it counts as it was written");
  const planted = {
    "writable by others": () => chmodSync(memory(it), 0o602),
    "writable by a group": () => chmodSync(memory(it), 0o620),
    "a link": () => {
      renameSync(memory(it), it.path("elsewhere"));
      symlinkSync("elsewhere", memory(it));
    },
    ...(isRoot && { "of another user": () => chownSync(memory(it), 65_534, statSync(memory(it)).gid) }),
  };
  for (const [name, plant] of Object.entries(planted)) {
    await fails();
    plant();
    const { key } = await auth.token("github-copilot");
    assert.ok(key.value, name);
  }
  await fails();
  const words = readFileSync(memory(it), "utf8").replace('"rate_limited"', '{"type":"oauth","error":"call 555-0100"}');
  writeFileSync(memory(it), words);
  assert.ok((await auth.token("github-copilot")).key.value);
});

test("short, doubtful and endless lifetimes, and files that hold little", needsSandbox, async (context) => {
  const it = await home();
  context.after(() => settings({ access_lifetime_s: 28_800 }));
  await settings({ access_lifetime_s: 200 });
  it.store({ anthropic: await anthropic(EXPIRED) });
  const auth = new Auth(it.options);
  const log = await listen();
  const { key } = await auth.token("anthropic");
  for (let call = 0; call < 3; call += 1) assert.equal((await auth.token("anthropic")).key.value, key.value);
  assert.equal((await log()).length, 1, "refreshed once");
  const { expires, realExpiry } = it.entry("anthropic");
  assert.deepEqual([realExpiry.at - expires, key.expiresMs], [100_000, realExpiry.at]);
  await settings({ access_lifetime_s: 1_794_285_667_200 });
  it.store({ anthropic: await anthropic(EXPIRED) });
  assert.match((await auth.token("anthropic")).notes.join("\n"), /more than a year/);
  it.store({ anthropic: { ...(await anthropic(EXPIRED)), expires: Number.MAX_SAFE_INTEGER } });
  const endless = await auth.token("anthropic", { minValidityMs: 9e12 });
  assert.deepEqual([endless.key.expiresMs, endless.notes], [Number.MAX_SAFE_INTEGER, []]);
  for (const blank of ["", "\n", "\ufeff"]) {
    it.write("oauth.json", blank);
    await assert.rejects(auth.token("anthropic"), { code: "login_required", message: /oauth\.json holds no login/ });
  }
  it.write("oauth.json", '{"anthropic":{"type":"passkey"}}');
  await assert.rejects(auth.token("anthropic"), { code: "login_required", message: /is of a kind that this program does not know/ });
});
