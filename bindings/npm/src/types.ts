// What the core takes and gives, generated from the Rust types. Do not edit:
// PI_AUTH_BLESS=1 cargo test -p pi-auth-core --lib typescript

/**
 * A job, with its parameters.
 */
export type Request = { "type": "login" } & LoginRequest | { "type": "token" } & TokenRequest | { "type": "headers" } & HeadersRequest | { "type": "logout" } & LogoutRequest | { "type": "status" } & StatusRequest | { "type": "read_credential" } & ReadCredentialRequest | { "type": "write_credential" } & WriteCredentialRequest;

/**
 * Parameters of a login request.
 */
export type LoginRequest = {
/**
 * The provider's id; `None` has the person pick one.
 */
provider: string | null,
/**
 * True if the code is to be pasted even where a callback would work.
 */
paste?: boolean,
/**
 * True if the URL is only to be shown; it is then pasted, too.
 */
no_browser?: boolean,
/**
 * The domain of a GitHub Enterprise; empty for github.com, `None` to ask the person. Only
 * Copilot has one.
 */
enterprise?: string,
/**
 * True if there is somebody to ask for what has a default.
 */
interactive?: boolean,
/**
 * True if this system shows windows only where DISPLAY or WAYLAND_DISPLAY is set (Linux, BSD).
 */
needs_display?: boolean,
/**
 * The variables that are set.
 */
environment?: Environment,
/**
 * The randomness of this login, never to be used again.
 */
entropy: Entropy, };

/**
 * Parameters of a token request.
 */
export type TokenRequest = {
/**
 * The provider's id.
 */
provider: string,
/**
 * A key of the caller's own, which wins over everything.
 */
caller_key?: Secret,
/**
 * How long the token must be valid for, in milliseconds of real validity; 5 minutes unless
 * given, which is what the file means by fresh.
 */
min_validity_ms?: number,
/**
 * A token that a server has refused: if that is what is stored, it is refreshed whatever its
 * age.
 */
rejected?: Secret,
/**
 * The variables that are set.
 */
environment?: Environment, };

/**
 * Parameters of a request for headers.
 */
export type HeadersRequest = {
/**
 * The body of the request that the headers are for, if it is known: JSON in the shape of
 * OpenAI's chat or responses, or of Anthropic's messages. It tells what the next two leave
 * open.
 */
body?: Secret,
/**
 * Who began this request; only Copilot wants to know.
 */
initiator?: Initiator,
/**
 * Whether it carries an image; only Copilot wants to know.
 */
vision?: boolean,
/**
 * The provider's id.
 */
provider: string,
/**
 * A key of the caller's own, which wins over everything.
 */
caller_key?: Secret,
/**
 * How long the token must be valid for, in milliseconds of real validity; 5 minutes unless
 * given, which is what the file means by fresh.
 */
min_validity_ms?: number,
/**
 * A token that a server has refused: if that is what is stored, it is refreshed whatever its
 * age.
 */
rejected?: Secret,
/**
 * The variables that are set.
 */
environment?: Environment, };

/**
 * Parameters of a logout request.
 */
export type LogoutRequest = {
/**
 * The provider's id; `None`, without `all`, has the person pick one.
 */
provider: string | null,
/**
 * True to end every login. API keys are left alone.
 */
all?: boolean,
/**
 * True if it is confirmed already.
 */
confirmed?: boolean,
/**
 * True if there is a person to ask. Without one, naming a provider is confirmation enough.
 */
interactive?: boolean, };

/**
 * Parameters of a status request.
 */
export type StatusRequest = {
/**
 * The variables that are set.
 */
environment?: Environment, };

/**
 * Parameters of a request to read the stored login of a provider.
 */
export type ReadCredentialRequest = {
/**
 * The provider's id, whether this program knows it or not.
 */
provider: string, };

/**
 * Parameters of a request to store a login. Whatever was stored for that provider is replaced whole.
 */
export type WriteCredentialRequest = {
/**
 * The provider's id, whether this program knows it or not.
 */
provider: string,
/**
 * The login.
 */
credential: StoredLogin, };

/**
 * A login as the file has it: an object with `refresh` and `access` (texts), `expires` (in epoch
 * milliseconds, five minutes before the access token really expires), and whatever else belongs to
 * it.
 *
 * The agent takes no file in which one entry is of another shape, so none is stored: a text that
 * is none, a time with a sign or a fraction, a domain that is no text.
 */
export type StoredLogin = { type?: string, refresh: string, access: string, expires: number, [name: string]: unknown };

/**
 * The values of [`Environment::VARIABLES`]. An empty or blank variable counts as unset.
 *
 * In JSON an object of names and values; names that are not in the list do nothing.
 */
export type Environment = Record<string, string>;

/**
 * The randomness of one login: 32 bytes for the code verifier and 32 other bytes for the state.
 *
 * The two are independent on purpose. A client that sends its verifier as the state puts the
 * PKCE secret into a URL, where PKCE no longer protects anything. In JSON: 128 hex digits.
 */
export type Entropy = string;

/**
 * A token, key, authorization code or request body: text that must not reach a log.
 *
 * `Debug` prints `[REDACTED]`, there is no `Display`, equality takes the same time wherever two
 * values of one length differ, and the memory is wiped on drop. Reading it takes a visible act:
 * [`Secret::expose`].
 */
export type Secret = string;

/**
 * The next thing that a flow asks its host to do.
 */
export type Effect = { "type": "http",
/**
 * What to send.
 */
request: HttpRequest,
/**
 * What it is for, in plain words, to show when it takes over a second.
 */
activity: string,
/**
 * A deadline that is shown as a countdown.
 */
countdown?: Countdown, } | { "type": "read_overrides" } | { "type": "read_store" } | { "type": "probe_store" } | { "type": "lock_store" } | { "type": "unlock_store" } | { "type": "write_store",
/**
 * The new contents.
 */
contents: Secret,
/**
 * True to write although the lock could not be had: the last resort for a token that
 * exists nowhere else. Otherwise a host whose lock was taken over writes nothing and
 * answers [`Event::LockLost`].
 */
unlocked: boolean, } | { "type": "read_backoff" } | { "type": "write_backoff",
/**
 * The new contents.
 */
contents: Secret, } | { "type": "read_variable",
/**
 * Its name.
 */
name: string, } | { "type": "listen",
/**
 * The addresses to bind, all of them on one port.
 */
on: Loopback,
/**
 * The port to try first, then any free one; 0 is any.
 */
preferred_port: number,
/**
 * The path, beginning with a slash.
 */
path: string, } | { "type": "authorize" } & Authorize | { "type": "await_callback",
/**
 * The state that a callback must bring; see [`is_answered_by`].
 */
state: Secret,
/**
 * The wait in plain words, to be shown at once.
 */
activity: string,
/**
 * When it is too late, in epoch milliseconds.
 */
until_ms: number, } | { "type": "select",
/**
 * The question.
 */
message: string,
/**
 * What there is to pick from; never empty.
 */
options: Array<Label>,
/**
 * A line below the options that cannot be picked.
 */
remark: string | null, } | { "type": "confirm",
/**
 * The question.
 */
message: string, } | { "type": "prompt",
/**
 * The question.
 */
message: string,
/**
 * Why the last answer was not taken.
 */
problem: string | null, } | { "type": "show_code" } & ShowCode | { "type": "wait_until",
/**
 * When.
 */
at_ms: number,
/**
 * A deadline that is shown as a countdown.
 */
countdown: Countdown | null, } | { "type": "done",
/**
 * The result of a job.
 */
output: Output, } | { "type": "failed",
/**
 * Why.
 */
error: Error, };

/**
 * A request for a host to send.
 */
export type HttpRequest = {
/**
 * The method.
 */
method: Method,
/**
 * An absolute https URL, or http on a loopback host. Never holds a secret.
 */
url: string,
/**
 * The headers, in order.
 */
headers: Array<Header>,
/**
 * The body; empty for GET.
 */
body: Secret,
/**
 * The origins that its secrets may be sent to. A host refuses any other; see
 * [`origin::is_allowed`].
 */
origins: Array<string>, };

/**
 * The request methods in use.
 */
export type Method = "GET" | "POST";

/**
 * A request header: a name and a value that may be secret.
 */
export type Header = {
/**
 * The field name, as it is sent.
 */
name: string,
/**
 * The field value; `Authorization` is why it is a secret.
 */
value: Secret, };

/**
 * The page that a person is to open, and how its answer comes back.
 */
export type Authorize = {
/**
 * The authorization URL, to be shown.
 */
url: string,
/**
 * True to open it in a browser; otherwise it is only shown.
 */
open_browser: boolean,
/**
 * The address to give the browser in place of the URL.
 */
one_time?: OneTime,
/**
 * True if the callback server that was bound is waited for as well.
 */
callback: boolean,
/**
 * The state that a callback must bring; see [`is_answered_by`].
 */
state: Secret,
/**
 * What to say, such as `Opening browser to authorize...`.
 */
message: string,
/**
 * What to ask for, such as `Paste the authorization code here:`.
 */
prompt: string,
/**
 * Why the last answer was not taken. With it the page is not opened again.
 */
problem: string | null, };

/**
 * An address on the callback server that leads to the authorization URL, once. Other users of this
 * machine can read the arguments of a browser, and state and challenge must not be among them.
 */
export type OneTime = {
/**
 * The whole address, for the browser.
 */
url: string,
/**
 * Its path. The first GET of it is redirected (303) to the authorization URL.
 */
path: string, };

/**
 * The addresses on which a callback server listens.
 */
export type Loopback = "both" | "ipv4" | "ipv6";

/**
 * The decision on a request.
 */
export type Admission = { "type": "page",
/**
 * The page.
 */
page: CallbackPage, } | { "type": "one_time" } | { "type": "callback",
/**
 * Its query, without the question mark.
 */
query: Secret, };

/**
 * A page for a browser.
 */
export type CallbackPage = { "logged_in": string } | "failed" | "ignored" | "over" | "already_opened" | "wrong_host" | "not_found" | "wrong_method";

/**
 * A code, and the page where a person enters it.
 */
export type ShowCode = {
/**
 * The code, as it is to be entered.
 */
user_code: string,
/**
 * The page, to be shown.
 */
verification_uri: string,
/**
 * The page to open: the same, or one that has the code in it already.
 */
url: string,
/**
 * True to open it in a browser; otherwise it is only shown.
 */
open_browser: boolean,
/**
 * What to do.
 */
message: string,
/**
 * What never to do.
 */
warning: string,
/**
 * When the code expires, in epoch milliseconds.
 */
expires_ms: number, };

/**
 * A deadline that is shown as a countdown.
 */
export type Countdown = {
/**
 * What is waited for, such as `Waiting for you to authorize`.
 */
message: string,
/**
 * When it is too late, in epoch milliseconds.
 */
until_ms: number, };

/**
 * The answer of a host to an effect.
 */
export type Event = { "type": "response" } & HttpResponse | { "type": "transport_failed",
/**
 * Why.
 */
failure: TransportFailure, } | { "type": "overrides_read",
/**
 * Where it is or would be, as it is shown to people.
 */
path: string,
/**
 * Its text; `None` where there is no such file.
 */
contents: Secret | null,
/**
 * Its owners and modes; `None` where there is no file, or the system cannot tell.
 */
access?: Access, } | { "type": "store_read",
/**
 * Where it is or would be, as it is shown to people.
 */
path: string,
/**
 * Its text; `None` where there is no such file.
 */
contents: Secret | null,
/**
 * Its owners and modes. A host may leave it out of a file that its mode closes to
 * everybody but its owner, and where it has told the same of it before.
 */
access?: Access, } | { "type": "overrides_failed",
/**
 * The file, as it is shown to people.
 */
path: string,
/**
 * Why.
 */
failure: StoreFailure, } | { "type": "store_failed",
/**
 * The file, as it is shown to people.
 */
path: string,
/**
 * Why.
 */
failure: StoreFailure, } | { "type": "locked" } | { "type": "lock_timed_out",
/**
 * The lock, as it is shown to people.
 */
path: string,
/**
 * True if its holder is certainly alive, as that of a kernel lock is.
 */
alive?: boolean,
/**
 * The id of its owner, where that is neither the caller nor the directory's owner.
 */
owner?: number, } | { "type": "unlocked" } | { "type": "written" } | { "type": "lock_lost" } | { "type": "backoff_read",
/**
 * Its text; `None` where there is none, or none that can be read.
 */
contents: Secret | null, } | { "type": "backoff_written" } | { "type": "variable",
/**
 * Its value, if it is set.
 */
value: Secret | null, } | { "type": "listening",
/**
 * Its port.
 */
port: number, } | { "type": "listen_failed" } | { "type": "callback",
/**
 * The query, without the question mark.
 */
query: Secret, } | { "type": "pasted",
/**
 * As it came.
 */
text: Secret, } | { "type": "chosen",
/**
 * Counted from 0.
 */
index: number, } | { "type": "confirmed",
/**
 * Yes or no.
 */
yes: boolean, } | { "type": "answered",
/**
 * As it came.
 */
text: string, } | { "type": "shown" } | { "type": "woke" } | { "type": "input_ended" } | { "type": "cancelled" };

/**
 * A response as it came, whatever its status.
 */
export type HttpResponse = {
/**
 * The status code.
 */
status: number,
/**
 * The headers, in order; names in any case.
 */
headers?: Array<[string, string]>,
/**
 * The body as text; bytes that are not UTF-8 replaced.
 */
body?: Secret, };

/**
 * Why there was no response.
 */
export type TransportFailure = "connect" | { "proxy": string } | "bad_proxy" | "forbidden_origin" | "tls" | "unknown_authority" | "wrong_name" | "out_of_date" | "timeout" | "broken" | "too_large";

/**
 * Owner, group and mode of a file that was opened, and of the directories that lead to it.
 *
 * Hosts on systems without these leave it out of their events.
 */
export type Access = {
/**
 * The effective user id of this process.
 */
user: number,
/**
 * Its effective group id.
 */
group: number,
/**
 * The owner of the agent's directory, whom root works for.
 */
served?: number,
/**
 * The file that was opened (`fstat`).
 */
file: Owned,
/**
 * The directory that was named, and that of the file in the end, where links lead elsewhere.
 */
directories?: Array<Directory>, };

/**
 * A directory on the way to a file.
 */
export type Directory = {
/**
 * Its path, as it is shown to people.
 */
path: string,
/**
 * The user id of the owner.
 */
owner: number,
/**
 * The group id.
 */
group: number,
/**
 * The permission bits, with the sticky bit.
 */
mode: number, };

/**
 * Owner, group and mode of a file or directory.
 */
export type Owned = {
/**
 * The user id of the owner.
 */
owner: number,
/**
 * The group id.
 */
group: number,
/**
 * The permission bits, with the sticky bit.
 */
mode: number, };

/**
 * A reason why the credential file, or the overrides file, could not be used.
 */
export type StoreFailure = "permission_denied" | "read_only" | "no_space" | "not_a_file" | "is_a_directory" | "too_large" | "not_utf8" | "not_found" | "too_many_open_files" | "file_size_limit" | { "owned_by": number } | { "other": string };

/**
 * The result of a job.
 */
export type Output = { "type": "logged_in",
/**
 * The provider.
 */
provider: Label,
/**
 * The credential file.
 */
path: string,
/**
 * Notes for the person on a job that worked; a sentence each.
 */
notes: Array<string>, } | { "type": "token",
/**
 * The key.
 */
key: Key,
/**
 * Notes for the person on a job that worked; a sentence each.
 */
notes: Array<string>, } | { "type": "headers" } & Headers | { "type": "logged_out",
/**
 * The providers.
 */
providers: Array<Label>,
/**
 * The credential file.
 */
path: string,
/**
 * What the providers that can be told said to it.
 */
revocations: Array<Revocation>,
/**
 * What the person should know; a sentence each.
 */
notes: Array<string>, } | { "type": "status" } & Status | { "type": "credential",
/**
 * As the file has it, fields of others included; `None` where there is no login, or one
 * that lacks what belongs to it.
 */
credential: StoredLogin | null,
/**
 * The credential file.
 */
path: string,
/**
 * Notes for the person on a job that worked; a sentence each.
 */
notes: Array<string>, } | { "type": "credential_written",
/**
 * The credential file.
 */
path: string,
/**
 * Notes for the person on a job that worked; a sentence each.
 */
notes: Array<string>, };

/**
 * A provider's id and its name for people.
 */
export type Label = {
/**
 * The key in the credential file and the word on the command line.
 */
id: string,
/**
 * The name for people, without control characters.
 */
name: string,
/**
 * The domain of the GitHub Enterprise that is meant.
 */
enterprise?: string, };

/**
 * The hosts that an overrides file sends the logins and tokens of a provider to.
 */
export type Redirected = {
/**
 * The provider.
 */
provider: Label,
/**
 * The hosts, with their ports; never empty.
 */
hosts: Array<string>,
/**
 * The host of the provider's own API, where only the endpoints of the login have moved.
 */
api_host?: string, };

/**
 * A key that can be sent with a request.
 */
export type Key = {
/**
 * OAuth token or API key.
 */
kind: KeyKind,
/**
 * The key itself.
 */
value: Secret,
/**
 * The place that it came from.
 */
source: Source,
/**
 * When it really expires, in epoch milliseconds; `None` where nobody knows.
 */
expires_ms: number | null, };

/**
 * The kind of a key, which decides how a request carries it.
 */
export type KeyKind = "oauth" | "api_key";

/**
 * The place that a key came from.
 */
export type Source = "caller" | "stored" | { "variable": string };

/**
 * What to send, and where.
 */
export type Headers = {
/**
 * The headers, in order.
 */
headers: Array<Header>,
/**
 * The address of the API, without a slash at the end; `None` where nobody knows.
 */
base_url: string | null,
/**
 * The origins that the key may be sent to; empty where nobody knows. `https://*.DOMAIN` is
 * every host below a domain.
 */
origins: Array<string>,
/**
 * When the key really expires, in epoch milliseconds; `None` where nobody knows.
 */
expires_ms: number | null,
/**
 * What the person should know although it worked; a sentence each.
 */
notes: Array<string>, };

/**
 * Who began a request.
 */
export type Initiator = "user" | "agent";

/**
 * What a logout means at the provider.
 */
export type Revocation = {
/**
 * The provider.
 */
provider: Label, } & ({ "outcome": "confirmed" } | { "outcome": "not_confirmed",
/**
 * Why.
 */
problem: string, } | { "outcome": "unavailable" });

/**
 * What came of telling a provider that a login is over.
 */
export type Outcome = { "outcome": "confirmed" } | { "outcome": "not_confirmed",
/**
 * Why.
 */
problem: string, } | { "outcome": "unavailable" };

/**
 * Every key that could be used, per provider in the order in which they win.
 */
export type Status = {
/**
 * The credential file.
 */
path: string,
/**
 * The keys; empty where nobody is logged in and no variable is set.
 */
keys: Array<KeyStatus>,
/**
 * The hosts to which the overrides file sends logins and tokens, by provider.
 */
redirected: Array<Redirected>,
/**
 * Notes for the person; a sentence or two each.
 */
notes: Array<string>, };

/**
 * One key, or what is stored in place of one.
 */
export type KeyStatus = {
/**
 * The provider.
 */
provider: Label,
/**
 * OAuth token or API key; `None` for an entry that this program does not know.
 */
kind: KeyKind | null,
/**
 * Where it is.
 */
source: Source,
/**
 * True if this is the one that wins for its provider.
 */
active: boolean,
/**
 * Whether it can be used.
 */
state: KeyState,
/**
 * When the access token really expires, in epoch milliseconds; `None` where nobody knows.
 */
expires_ms: number | null,
/**
 * The domain of the GitHub Enterprise that it is for.
 */
enterprise: string | null, };

/**
 * Whether a key can be used.
 */
export type KeyState = "ready" | "refresh_due" | "foreign" | "unusable";

/**
 * Exactly what went wrong. None of its texts holds a secret or a control character.
 */
export type Error = { code: ErrorCode, after_ms?: number, message: string, advice: string };

/** What a caller should do about an error. */
export type ErrorCode = "login_required" | "retry_later" | "cancelled" | "denied" | "expired" | "store_corrupt" | "store_unavailable" | "bad_input" | "provider_error" | "network";
