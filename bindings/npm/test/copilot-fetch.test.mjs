import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";

import { createCopilotFetch, loadOAuthCredentials, saveOAuthCredentials } from "pi-auth";

import { control, copilot, EXPIRED, FRESH, grants, home, isValid, listen, needsSandbox, SANDBOX, serve } from "./support.mjs";

const API = `${SANDBOX ?? "http://127.0.0.1:1"}/github.com/copilot`;
const URL_ = `${API}/chat/completions`;
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

test("an image is seen in a large body, and one that is too large is sent all the same", needsSandbox, async () => {
  const it = await home();
  const credentials = await copilot(FRESH);
  const seen = [];
  const fetch = async (_, init) => seen.push(init.headers.get("copilot-vision-request")) && new Response();
  const copilotFetch = await createCopilotFetch(async () => credentials, { ...it.options, fetch });
  const image = (bytes) => ({ type: "image_url", image_url: { url: `data:image/png;base64,${"A".repeat(bytes)}` } });
  const bodyOf = (bytes) => chat([message("user", [image(bytes)])]);
  // The last has less than 8 Mi characters, and yet more than the core takes.
  const odd = JSON.stringify({ messages: [message("user", [image(1)])], more: "\u20ac".repeat(7 << 20) });
  const bodies = [bodyOf(7 << 20), new TextEncoder().encode(bodyOf(7 << 20)), bodyOf(9 << 20), new Uint8Array(17 << 20), odd];
  for (const body of bodies) await copilotFetch(URL_, post(body));
  assert.deepEqual(seen, ["true", "true", null, null, null]);
  await copilotFetch(URL_, post(`{"messages":[{"role":"user","content":[{"type":"image_url"},"\ud800"]}]}`));
  assert.equal(seen.at(-1), "true");
});

test("a Request is looked at like any other call, and sent again on a 401", needsSandbox, async () => {
  const it = await home();
  const credentials = await copilot(FRESH);
  const copilotFetch = await createCopilotFetch(async () => credentials, it.options);
  await without(credentials.access);
  const image = { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } };
  const body = chat([message("user", [image]), message("assistant", "b"), message("tool", "c")]);
  const log = await listen();
  const response = await copilotFetch(new Request(URL_, post(body)));
  assert.equal(response.status, 200, await response.text());
  const [headers] = answered(await log());
  assert.deepEqual([headers["x-initiator"], headers["copilot-vision-request"]], ["agent", "true"]);
});

test("of a Request no more than 8 MiB are read, none of what is no JSON, and none for who gives up", needsSandbox, async () => {
  const it = await home();
  const credentials = await copilot(FRESH);
  const fetch = async (input) => Response.json((await input.arrayBuffer()).byteLength);
  const copilotFetch = await createCopilotFetch(async () => credentials, { ...it.options, fetch });
  const chunk = new Uint8Array(1 << 20);
  for (const [length, type] of [[9, "application/json"], [3, "application/octet-stream"]]) {
    const body = new ReadableStream({ start: (to) => (Array.from({ length }, () => to.enqueue(chunk)), to.close()) });
    const request = new Request(URL_, { method: "POST", headers: { "content-type": type }, body, duplex: "half" });
    assert.equal(await (await copilotFetch(request)).json(), length << 20);
  }
  const stop = new AbortController();
  const endless = new Request(URL_, post(new ReadableStream({}), { duplex: "half", signal: stop.signal }));
  const call_ = copilotFetch(endless);
  stop.abort();
  await assert.rejects(call_, { name: "AbortError" });
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

test("credentials that could not be told fail no request, and are told again", needsSandbox, async () => {
  const it = await home();
  const credentials = await copilot(EXPIRED);
  const told = [];
  const onRefreshed = async (next) => {
    told.push(next.access);
    if (told.length < 3) throw new Error("the disk is full");
  };
  const copilotFetch = await createCopilotFetch(async () => credentials, { ...it.options, onRefreshed });
  for (let count = 0; count < 5; count += 1) assert.equal((await copilotFetch(call(post(hello)))).status, 200);
  assert.deepEqual(told, [told[0], told[0], told[0]]);
});

/**
 * A home whose Copilot tokens are exchanged at a server of the test's own. It is slow, fails as
 * often as `failures` says, and calls `asked` for each request.
 */
async function slowly(context, ms) {
  const it = { ...(await home()), tokens: [], failures: 0, asked: () => {} };
  const { url } = await serve(context, (request, response) => {
    it.asked?.();
    if (it.failures-- > 0) return void setTimeout(() => response.writeHead(503).end(), ms);
    it.tokens.push(`tid=${it.tokens.length};`);
    const token = { token: it.tokens.at(-1), expires_at: Math.floor(Date.now() / 1000) + 1800, refresh_in: 1500 };
    setTimeout(() => response.setHeader("content-type", "application/json").end(JSON.stringify(token)), ms);
  });
  writeFileSync(it.overrides, JSON.stringify({ "github-copilot": { copilot_token_url: url, api_base_url: API } }));
  return it;
}

/** A signal of a caller whose patience ends once that server was asked. */
function untilAsked(it) {
  const stop = new AbortController();
  it.asked = () => stop.abort(new DOMException("the caller's time is up", "TimeoutError"));
  return stop.signal;
}

const EXPIRED_LOGIN = { type: "oauth", refresh: "ghu_refresh", access: "tid=old;", expires: 1 };

test("a refresh that ends after its call was given up is told", async (context) => {
  const it = await slowly(context, 300);
  const told = [];
  const onRefreshed = ({ access }) => void told.push(access);
  const fetch = async () => new Response();
  const copilotFetch = await createCopilotFetch(async () => EXPIRED_LOGIN, { ...it.options, fetch, onRefreshed });
  const ended = copilotFetch(URL_, post(hello, { signal: untilAsked(it) }));
  await assert.rejects(ended, { name: "TimeoutError" });
  assert.deepEqual([told, it.tokens], [["tid=0;"], ["tid=0;"]]);
});

test("who waits for another call's refresh may give up", async (context) => {
  const it = await slowly(context, 3000);
  const copilotFetch = await createCopilotFetch(async () => EXPIRED_LOGIN, { ...it.options, fetch: async () => new Response() });
  const first = copilotFetch(URL_, post(hello));
  let isOver = false;
  void first.then(() => (isOver = true));
  await assert.rejects(copilotFetch(URL_, post(hello, { signal: AbortSignal.timeout(50) })), { name: "TimeoutError" });
  assert.ok(!isOver);
  await first;
});

test("who gives up while a refused token is renewed is answered so", async (context) => {
  const it = await slowly(context, 300);
  const login = { ...EXPIRED_LOGIN, expires: Date.now() + FRESH };
  const fetch = async () => new Response("", { status: 401 });
  const copilotFetch = await createCopilotFetch(async () => login, { ...it.options, fetch });
  const ended = copilotFetch(URL_, post(hello, { signal: untilAsked(it) }));
  await assert.rejects(ended, { name: "TimeoutError" });
});

test("what COPILOT_GITHUB_TOKEN is exchanged for is kept, until it is refused or a login is stored", async (context) => {
  const it = await slowly(context, 0);
  const environment = { ...it.environment, COPILOT_GITHUB_TOKEN: "ghu_variable" };
  const sent = [];
  const refused = new Set();
  const fetch = async (_, { headers }) => {
    sent.push(headers.get("authorization").replace("Bearer ", ""));
    return new Response("", { status: refused.has(sent.at(-1)) ? 401 : 200 });
  };
  const copilotFetch = await createCopilotFetch(undefined, { environment, fetch });
  for (let count = 0; count < 3; count += 1) await copilotFetch(URL_, post(hello));
  refused.add("tid=0;");
  for (let count = 0; count < 2; count += 1) assert.equal((await copilotFetch(URL_, post(hello))).status, 200);
  const login = { ...EXPIRED_LOGIN, access: "tid=stored;", expires: Date.now() + FRESH };
  await saveOAuthCredentials("github-copilot", login, it.options);
  await copilotFetch(URL_, post(hello));
  assert.deepEqual(sent, ["tid=0;", "tid=0;", "tid=0;", "tid=0;", "tid=1;", "tid=1;", "tid=stored;"]);
  assert.equal(it.tokens.length, 2);
});

test("COPILOT_GITHUB_TOKEN is exchanged once for calls at once, of which one may give up and none keeps a failure", async (context) => {
  const it = await slowly(context, 300);
  const environment = { ...it.environment, COPILOT_GITHUB_TOKEN: "ghu_variable" };
  const fetch = async (_, { headers }) => Response.json(headers.get("authorization"));
  const copilotFetch = await createCopilotFetch(undefined, { environment, fetch });
  it.failures = 1;
  for (const ended of await Promise.allSettled(Array.from({ length: 2 }, () => copilotFetch(URL_, post(hello))))) {
    assert.equal(ended.reason?.code, "retry_later");
  }
  // The one who asked first gives up, and the others get what it asked for.
  const impatient = copilotFetch(URL_, post(hello, { signal: untilAsked(it) }));
  const patient = Array.from({ length: 4 }, () => copilotFetch(URL_, post(hello)));
  await assert.rejects(impatient, { name: "TimeoutError" });
  const sent = await Promise.all(patient.map(async (call_) => (await call_).json()));
  assert.deepEqual(sent, Array(4).fill("Bearer tid=0;"));
  assert.equal(it.tokens.length, 1);
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
  const { refresh } = await copilot(FRESH);
  const variable = { environment: { ...it.environment, COPILOT_GITHUB_TOKEN: refresh } };
  const nobody = async () => null;
  const log = await listen();
  // A caller that has nobody is not served with another account.
  for (const [getAuth, options] of [[nobody, it.options], [nobody, variable], [undefined, it.options]]) {
    const copilotFetch = await createCopilotFetch(getAuth, options);
    await assert.rejects(copilotFetch(call(post(hello))), { code: "login_required" });
  }
  assert.deepEqual(await log(), []);
});

/** Records the headers of each request that arrives at a server. */
async function recorder(context) {
  const seen = [];
  const { url } = await serve(context, (request, response) => {
    seen.push(request.headers);
    response.end("{}");
  });
  return { seen, url };
}

test("a request to another origin goes out as it came, without the token and without Copilot's headers", async () => {
  const it = await home();
  writeFileSync(it.environment.PI_AUTH_PROVIDERS, "{}");
  const access = "tid=1;proxy-ep=proxy.evil.example;canary";
  const credentials = { type: "oauth", refresh: "ghu_canary", access, expires: Date.now() + 3_600_000 };
  const sent = [];
  const fetch = async (input, init) => {
    sent.push({ url: String(input.url ?? input), text: JSON.stringify([...new Headers(init?.headers ?? input.headers)]) });
    return new Response("", { status: 401 });
  };
  const copilotFetch = await createCopilotFetch(async () => credentials, { ...it.options, fetch });
  const strange = [
    "http://evil.example/chat/completions",
    "https://evil.example/",
    "https://api.evil.example/",
    "https://api.githubcopilot.com.evil.example/",
    "https://evilgithubcopilot.com/",
    "https://api.githubcopilot.com@evil.example/",
    "https://api.githubcopilot.com:8443/",
    "http://api.individual.githubcopilot.com/",
    "https://github.com/",
    "https:\\\\evil.example\\api.githubcopilot.com",
    "http://127.0.0.1:1/",
  ];
  for (const url of strange) {
    for (const parameters of [[url, post(hello)], [new URL(url), post(hello)], [new Request(new URL(url).href.replace(/\/\/[^/]*@/, "//"), post(hello))]]) {
      sent.length = 0;
      const response = await copilotFetch(...parameters);
      assert.equal(response.status, 401, url);
      assert.equal(sent.length, 1, `${url}: what carries no token is not tried again with another`);
      assert.doesNotMatch(sent[0].text, /canary|authorization|copilot|editor/i, url);
      assert.match(sent[0].text, /content-type/, "what the caller gives stays");
    }
  }
  for (const url of ["https://api.individual.githubcopilot.com/models", "https://api.business.githubcopilot.com/"]) {
    sent.length = 0;
    await copilotFetch(url, post(hello)).catch(() => undefined);
    assert.match(sent[0].text, /Bearer tid=1/, url);
  }
});

test("an Enterprise's own host gets the token, and another Enterprise's does not", async () => {
  const it = await home();
  writeFileSync(it.environment.PI_AUTH_PROVIDERS, "{}");
  const enterpriseUrl = "ghe.example.com";
  const credentials = { type: "oauth", refresh: "ghu_1", access: "tid=1", expires: Date.now() + 3_600_000, enterpriseUrl };
  const sent = [];
  const fetch = async (_, init) => sent.push(new Headers(init.headers).has("authorization")) && new Response();
  const copilotFetch = await createCopilotFetch(async () => credentials, { ...it.options, fetch });
  for (const host of ["copilot-api.ghe.example.com", "ghe.example.com", "copilot-api.other.example"]) {
    await copilotFetch(`https://${host}/chat`, post(hello));
  }
  assert.deepEqual(sent, [true, true, false]);
});

test("origins that the caller adds get the token, and no others; none in the clear", async (context) => {
  const it = await home();
  writeFileSync(it.environment.PI_AUTH_PROVIDERS, "{}");
  const credentials = { type: "oauth", refresh: "ghu_1", access: "tid=1", expires: Date.now() + 3_600_000 };
  const added = await recorder(context);
  const other = await recorder(context);
  const { origin } = new URL(added.url);
  const copilotFetch = await createCopilotFetch(async () => credentials, { ...it.options, origins: [origin] });
  await copilotFetch(added.url, post(hello));
  await copilotFetch(other.url, post(hello));
  assert.equal(added.seen[0].authorization, "Bearer tid=1");
  assert.equal(other.seen[0].authorization, undefined);
  for (const useless of ["http://evil.example", "evil.example", "https://*.example.com", "*", ""]) {
    await assert.rejects(createCopilotFetch(undefined, { ...it.options, origins: [useless] }), TypeError, useless);
  }
});
