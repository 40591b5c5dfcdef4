/**
 * Subscription logins for agents and scripts on Node: the core's decisions, performed.
 *
 * | file | what is in it |
 * |---|---|
 * | `auth.ts` | the API: token, headers, login, logout, status |
 * | `agent.ts`, `credentials.ts` | what an agent asks for, by plain functions |
 * | `copilot-fetch.ts`, `copilot-headers.ts`, `copilot-body.ts` | calls of Copilot's API |
 * | `driver.ts` | the loop that answers a flow's effects with events |
 * | `http.ts`, `callback.ts`, `page.ts`, `browser.ts` | the network, and the browser |
 * | `files.ts`, `in-memory.ts`, `store.ts`, `store/` | credentials: the agent's file by its own rules, or memory |
 * | `interaction.ts`, `terminal.ts` | the person |
 * | `error.ts`, `signals.ts`, `unless-aborted.ts` | what fails, what must not be interrupted, and what may be given up |
 * | `camel.ts` | names in JavaScript's way |
 * | `pi-extension.ts`, `pi-extension/` | the core behind the `pi` agent's own login |
 * | `module.ts` | the core as it is shipped, loaded once |
 * | `core.ts`, `door.ts`, `engine.ts`, `types.ts` | the core; none of these needs Node |
 */
export { Auth } from "./auth.js";
export type {
  AuthOptions,
  Headers,
  HeadersOptions,
  JobOptions,
  LoggedIn,
  LoggedOut,
  LoginOptions,
  LogoutOptions,
  Status,
  Token,
  TokenOptions,
} from "./auth.js";
export {
  getApiKeyForModel,
  listOAuthProviders,
  loadOAuthCredentials,
  login,
  loginAnthropic,
  loginGitHubCopilot,
  logout,
  refreshAnthropicToken,
  refreshCopilotToken,
  refreshToken,
  removeOAuthCredentials,
  saveOAuthCredentials,
} from "./agent.js";
export type { SupportedOAuthProvider } from "./agent.js";
export { createCopilotFetch } from "./copilot-fetch.js";
export type {
  CopilotFetch,
  CopilotFetchOptions,
  CustomFetch,
  CustomFetchOptions,
} from "./copilot-fetch.js";
export type { OAuthCredentials } from "./credentials.js";
export { AuthError } from "./error.js";
export { Cancelled } from "./interaction.js";
export type { Interaction, Prompt, Select } from "./interaction.js";
export type { Store } from "./store.js";
export { Terminal } from "./terminal.js";
export type { Authorize, ErrorCode, Event, Initiator, Label, ShowCode } from "./types.js";
