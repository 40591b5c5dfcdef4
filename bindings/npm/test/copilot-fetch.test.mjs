import assert from "node:assert/strict";
import { test } from "node:test";

import { createCopilotFetch, loadOAuthCredentials, saveOAuthCredentials } from "pi-auth";

import { control, copilot, EXPIRED, FRESH, grants, home, isValid, listen, needsSandbox, SANDBOX } from "./support.mjs";

const URL_ = `${SANDBOX}/github.com/copilot/chat/completions`;
const message = (role, content) => ({ role, content });
const chat = (messages, more) => JSON.stringify({ model: "gpt-4.1", messages, ...more });
const hello = chat([message("user", "hello")]);
const post = (body, more) => ({ method: "POST", headers: { "content-type": "application/json" }, body, ...more });
const call = (init) => ({ provider: "github-copilot", url: URL_, init });

const without = (token) => control("POST", "revoke", { token });
const answered = (log) => log.filter(({ kind }) => kind === "chat_answered").map(({ headers }) => headers);

test("a call carries all that Copilot wants", needsSandbox, async () => {
  const it = await home();
  const credentials = await copilot(FRESH);
  const copilotFetch = await createCopilotFetch(async () => credentials, it.options);
  const log = await listen();
  const response = await copilotFetch(call(post(hello, { headers: { "X-Own": "kept", Authorization: "Bearer none" } })));
  assert.equal(response.status, 200);
  const [headers] = answered(await log());
  assert.equal(headers.authorization, `Bearer ${credentials.access}`);
  assert.equal(headers["x-own"], "kept");
  assert.equal(headers["x-initiator"], "user");
  for (const name of ["editor-version", "editor-plugin-version", "copilot-integration-id", "openai-intent"]) {
    assert.ok(headers[name], name);
  }
  assert.equal(headers["copilot-vision-request"], undefined);
});

test("who began it, and whether it carries an image, are told by its messages", needsSandbox, async () => {
  const it = await home();
  const credentials = await copilot(FRESH);
  const copilotFetch = await createCopilotFetch(async () => credentials, it.options);
  const image = { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } };
  const cases = [
    [hello, ["user", undefined]],
    [new TextEncoder().encode(hello), ["user", undefined]],
    [new TextEncoder().encode(hello).buffer, ["user", undefined]],
    [chat([message("user", "a"), message("assistant", "b"), message("tool", "c")]), ["agent", undefined]],
    [chat([message("user", [image])]), ["user", "true"]],
  ];
  for (const [body, expected] of cases) {
    const log = await listen();
    const response = await copilotFetch(call(post(body)));
    assert.equal(response.status, 200, await response.text());
    const [headers] = answered(await log());
    assert.deepEqual([headers["x-initiator"], headers["copilot-vision-request"]], expected);
  }
  const log = await listen();
  await copilotFetch(call(post(hello, { headers: { "X-Initiator": "agent" } })));
  assert.equal(answered(await log())[0]["x-initiator"], "agent");
});

test("it can be called like fetch", needsSandbox, async () => {
  const it = await home();
  const credentials = await copilot(FRESH);
  const copilotFetch = await createCopilotFetch(async () => credentials, it.options);
  for (const parameters of [[URL_, post(hello)], [new URL(URL_), post(hello)], [new Request(URL_, post(hello))]]) {
    const response = await copilotFetch(...parameters);
    assert.equal(response.status, 200, await response.text());
  }
});

test("on a 401, a new token is fetched and the request is sent once more", needsSandbox, async () => {
  const it = await home();
  const credentials = await copilot(FRESH);
  const refreshed = [];
  const options = { ...it.options, onRefreshed: (next) => void refreshed.push(next) };
  const copilotFetch = await createCopilotFetch(async () => credentials, options);
  await without(credentials.access);
  const before = (await grants()).exchanges;
  for (const body of [hello, new TextEncoder().encode(hello), new Blob([hello])]) {
    const response = await copilotFetch(call(post(body)));
    assert.equal(response.status, 200, await response.text());
  }
  // The new token is kept for the next call, though the caller gives the old one.
  assert.equal((await grants()).exchanges, before + 1);
  assert.equal(refreshed.length, 1);
  assert.equal(refreshed[0].refresh, credentials.refresh);
  assert.ok(await isValid({ copilot: { domain: "github.com", token: refreshed[0].access } }));
});

test("a second 401 is the answer, and so is one where no new token is to be had", needsSandbox, async () => {
  const it = await home();
  const credentials = await copilot(FRESH);
  const copilotFetch = await createCopilotFetch(async () => credentials, it.options);
  await without(credentials.access);
  await without(credentials.refresh);
  const log = await listen();
  const response = await copilotFetch(call(post(hello)));
  assert.equal(response.status, 401);
  assert.notEqual(await response.text(), "");
  assert.equal((await log()).filter(({ path }) => path.endsWith("/chat/completions")).length, 1);
});

test("an expired token is refreshed before anything is sent, once for many calls", needsSandbox, async () => {
  const it = await home();
  const credentials = await copilot(EXPIRED);
  const refreshed = [];
  const options = { ...it.options, onRefreshed: async (next) => refreshed.push(next) };
  const copilotFetch = await createCopilotFetch(async () => credentials, options);
  const before = (await grants()).exchanges;
  const all = await Promise.all(Array.from({ length: 5 }, () => copilotFetch(call(post(hello)))));
  assert.deepEqual(all.map(({ status }) => status), [200, 200, 200, 200, 200]);
  assert.equal(refreshed.length, 1);
  assert.equal((await grants()).exchanges, before + 1);
});

test("streams pass through untouched, both ways", needsSandbox, async () => {
  const it = await home();
  const credentials = await copilot(FRESH);
  const seen = [];
  const options = {
    ...it.options,
    fetch: (input, init) => {
      seen.push(init.body);
      return fetch(input, init);
    },
  };
  const copilotFetch = await createCopilotFetch(async () => credentials, options);
  const streamed = () => new Blob([chat([message("user", "hello")], { stream: true })]).stream();
  const body = streamed();
  const response = await copilotFetch(call(post(body, { duplex: "half", headers: { "X-Initiator": "user" } })));
  assert.equal(seen[0], body);
  assert.equal(response.status, 200);
  let text = "";
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) text += chunk;
  assert.match(text, /^data: \{/);
  assert.match(text, /data: \[DONE\]/);
  // What was read cannot be sent again: the 401 is the answer.
  await without(credentials.access);
  const refused = await copilotFetch(call(post(streamed(), { duplex: "half" })));
  assert.equal(refused.status, 401);
  assert.equal(seen.length, 2);
});

test("without credentials of the caller's it uses the stored login, and stores what it refreshes", needsSandbox, async () => {
  const it = await home();
  const credentials = await copilot(FRESH);
  await saveOAuthCredentials("github-copilot", credentials, it.options);
  const copilotFetch = await createCopilotFetch(undefined, it.options);
  await without(credentials.access);
  assert.equal((await copilotFetch(call(post(hello)))).status, 200);
  const stored = await loadOAuthCredentials("github-copilot", it.options);
  assert.notEqual(stored.access, credentials.access);
  assert.equal(stored.refresh, credentials.refresh);
});

test("an Enterprise stays one", needsSandbox, async () => {
  const it = await home();
  const domain = "ghe.example.com";
  const { access, refresh } = await control("POST", "issue_copilot", { domain });
  const credentials = { type: "oauth", refresh, access, expires: Date.now() + EXPIRED, enterpriseUrl: domain };
  const copilotFetch = await createCopilotFetch(async () => credentials, it.options);
  const url = `${SANDBOX}/${domain}/copilot/chat/completions`;
  const response = await copilotFetch({ provider: "github-copilot", url, init: post(hello) });
  assert.equal(response.status, 200, await response.text());
});

test("an AbortSignal of the request ends it", needsSandbox, async () => {
  const it = await home();
  const credentials = await copilot(FRESH);
  const copilotFetch = await createCopilotFetch(async () => credentials, it.options);
  const signal = AbortSignal.abort();
  await assert.rejects(copilotFetch(call(post(hello, { signal }))), { name: "AbortError" });
  // Also while a token is fetched for it, and when the signal is that of a Request.
  const expired = await copilot(EXPIRED);
  const refreshing = await createCopilotFetch(async () => expired, it.options);
  await assert.rejects(refreshing(call(post(hello, { signal }))), { name: "AbortError" });
  await assert.rejects(refreshing(new Request(URL_, post(hello, { signal }))), { name: "AbortError" });
});

test("without a login it says what to do, and sends nothing", needsSandbox, async () => {
  const it = await home();
  const log = await listen();
  for (const getAuth of [async () => null, undefined]) {
    const copilotFetch = await createCopilotFetch(getAuth, it.options);
    await assert.rejects(copilotFetch(call(post(hello))), { code: "login_required" });
  }
  assert.deepEqual(await log(), []);
});
