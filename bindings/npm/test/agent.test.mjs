import assert from "node:assert/strict";
import { test } from "node:test";

import * as piAuth from "pi-auth";

import { anthropic, codeOf, control, copilot, EXPIRED, FRESH, home, isValid, listen, needsSandbox } from "./support.mjs";

const {
  getApiKeyForModel,
  listOAuthProviders,
  loadOAuthCredentials,
  login,
  logout,
  refreshAnthropicToken,
  refreshCopilotToken,
  refreshToken,
  removeOAuthCredentials,
  saveOAuthCredentials,
} = piAuth;

test("every function that an agent asks for is there", () => {
  const names = [
    "createCopilotFetch", "getApiKeyForModel", "listOAuthProviders", "loadOAuthCredentials", "login",
    "loginAnthropic", "loginGitHubCopilot", "logout", "refreshAnthropicToken", "refreshCopilotToken",
    "refreshToken", "removeOAuthCredentials", "saveOAuthCredentials",
  ];
  for (const name of names) assert.equal(typeof piAuth[name], "function", name);
});

test("with no options they use this process's variables", needsSandbox, async () => {
  const it = await home();
  const before = { ...process.env };
  Object.assign(process.env, it.environment);
  try {
    const credentials = await anthropic(FRESH);
    await saveOAuthCredentials("anthropic", credentials);
    assert.deepEqual(await loadOAuthCredentials("anthropic"), credentials);
    assert.deepEqual(await listOAuthProviders(), ["anthropic"]);
    assert.equal(await refreshToken("anthropic"), credentials.access);
    assert.equal(await getApiKeyForModel({ provider: "anthropic" }), credentials.access);
    await logout("anthropic");
    assert.equal(await loadOAuthCredentials("anthropic"), null);
  } finally {
    process.env = before;
  }
  assert.deepEqual([it.mode(), it.mode("oauth.json")], ["700", "600"]);
});

test("storage: what is saved is loaded, listed and removed, and nothing else is touched", needsSandbox, async () => {
  const it = await home();
  assert.deepEqual(await listOAuthProviders(it.options), []);
  assert.equal(await loadOAuthCredentials("anthropic", it.options), null);
  const others = { openai: { type: "api_key", key: "k" }, foreign: { type: "new", x: [1.5, null] } };
  it.store(others, "auth.json");
  const credentials = { ...(await copilot(FRESH)), enterpriseUrl: "ghe.example.com" };
  await saveOAuthCredentials("github-copilot", credentials, it.options);
  assert.deepEqual(await loadOAuthCredentials("github-copilot", it.options), credentials);
  assert.deepEqual(await listOAuthProviders(it.options), ["github-copilot"]);
  assert.equal(await loadOAuthCredentials("openai", it.options), null);
  await removeOAuthCredentials("github-copilot", it.options);
  assert.equal(await loadOAuthCredentials("github-copilot", it.options), null);
  assert.deepEqual(JSON.parse(it.read("auth.json")), others);
  await removeOAuthCredentials("github-copilot", it.options);
});

test("a corrupt file is an error to each of them, and stays as it is", needsSandbox, async () => {
  const it = await home();
  it.write("auth.json", '{"canary');
  const credentials = await anthropic(FRESH);
  for (const job of [
    () => loadOAuthCredentials("anthropic", it.options),
    () => saveOAuthCredentials("anthropic", credentials, it.options),
    () => removeOAuthCredentials("anthropic", it.options),
    () => listOAuthProviders(it.options),
    () => refreshToken("anthropic", it.options),
    () => getApiKeyForModel({ provider: "anthropic" }, it.options),
  ]) {
    await assert.rejects(job, (error) => error.code === "store_corrupt" && !error.message.includes("canary"));
  }
  assert.equal(it.read("auth.json"), '{"canary');
});

test("many saves at once lose none", needsSandbox, async () => {
  const it = await home();
  const credentials = await anthropic(FRESH);
  const names = Array.from({ length: 8 }, (_, index) => `provider-${index}`);
  await Promise.all(names.map((name) => saveOAuthCredentials(name, credentials, it.options)));
  assert.deepEqual(Object.keys(JSON.parse(it.read())).sort(), names);
  assert.deepEqual(it.names(), ["oauth.json"]);
});

test("a refresh token alone becomes credentials, and nothing is stored", needsSandbox, async () => {
  const it = await home();
  const { refresh } = await anthropic(FRESH);
  const credentials = await refreshAnthropicToken(refresh, it.options);
  assert.deepEqual(Object.keys(credentials).sort(), ["access", "expires", "refresh", "type"]);
  assert.ok(await isValid({ access: credentials.access }));
  assert.ok(await isValid({ refresh: credentials.refresh }));
  assert.ok(Math.abs(credentials.expires - (Date.now() + 28_800_000 - 300_000)) < 10_000);
  assert.throws(it.names, { code: "ENOENT" });
  await assert.rejects(refreshAnthropicToken("sk-ant-ort01-wrong", it.options), { code: "login_required" });
});

test("a GitHub token becomes a Copilot token", needsSandbox, async () => {
  const it = await home();
  const { refresh } = await copilot(FRESH);
  const credentials = await refreshCopilotToken(refresh, it.options);
  assert.deepEqual(Object.keys(credentials).sort(), ["access", "expires", "refresh", "type"]);
  assert.equal(credentials.refresh, refresh);
  assert.ok(await isValid({ copilot: { domain: "github.com", token: credentials.access } }));
  const domain = "ghe.example.com";
  const enterprise = await control("POST", "issue_copilot", { domain });
  const there = await refreshCopilotToken(enterprise.refresh, { ...it.options, enterpriseUrl: domain });
  assert.equal(there.enterpriseUrl, domain);
  assert.ok(await isValid({ copilot: { domain, token: there.access } }));
  assert.throws(it.names, { code: "ENOENT" });
});

test("refreshToken refreshes what has expired and stores it", needsSandbox, async () => {
  const it = await home();
  for (const [provider, issue] of [["anthropic", anthropic], ["github-copilot", copilot]]) {
    const old = await issue(EXPIRED);
    await saveOAuthCredentials(provider, old, it.options);
    const access = await refreshToken(provider, it.options);
    assert.notEqual(access, old.access);
    assert.equal((await loadOAuthCredentials(provider, it.options)).access, access);
    assert.equal(await refreshToken(provider, it.options), access);
    assert.notEqual(await refreshToken(provider, { ...it.options, rejected: access }), access);
  }
});

test("the key for a model: stored, from a variable, or none", needsSandbox, async () => {
  const it = await home();
  const model = { provider: "anthropic", id: "claude-sonnet-4-5" };
  assert.equal(await getApiKeyForModel(model, it.options), undefined);
  assert.equal(await getApiKeyForModel({ provider: "openai" }, it.options), undefined);
  const environment = { ...it.environment, ANTHROPIC_API_KEY: "sk-ant-api03-k" };
  assert.equal(await getApiKeyForModel(model, { environment }), "sk-ant-api03-k");
  const stored = await anthropic(EXPIRED);
  await saveOAuthCredentials("anthropic", stored, it.options);
  const key = await getApiKeyForModel(model, { environment });
  assert.ok(await isValid({ access: key }));
  // A login that cannot be refreshed is no reason to spend money.
  await saveOAuthCredentials("anthropic", { ...stored, refresh: "sk-ant-ort01-wrong" }, it.options);
  await assert.rejects(getApiKeyForModel(model, { environment }), { code: "login_required" });
});

test("login and logout store and remove", needsSandbox, async () => {
  const it = await home();
  const interaction = { paste: ({ url }) => codeOf(url) };
  assert.equal(await login("anthropic", { ...it.options, interaction, noBrowser: true }), undefined);
  assert.deepEqual(await listOAuthProviders(it.options), ["anthropic"]);
  assert.equal(await logout("anthropic", it.options), undefined);
  assert.deepEqual(await listOAuthProviders(it.options), []);
  const log = await listen();
  await assert.rejects(refreshToken("anthropic", it.options), { code: "login_required" });
  assert.deepEqual(await log(), []);
});
