/**
 * The agent's own `/login`, `/logout` and `/model`, with this core behind them, for Anthropic and
 * GitHub Copilot: `pi -e npm:pi-auth`, or `pi install npm:pi-auth`.
 *
 * The agent stays what it was: it asks the person, keeps the credential, and calls for a refresh under
 * its own lock. What is asked of the provider, and what comes of the answer, the core decides.
 *
 * The agent makes its own modules known to TypeScript that it loads, and not to JavaScript: so it is
 * given this very file, which is shipped beside what it is compiled to.
 *
 * | file | what is in it |
 * |---|---|
 * | `pi-extension/agent.ts` | the agent, as far as it is used here |
 * | `pi-extension/subscription.ts` | jobs of the core over a credential that the agent keeps |
 * | `pi-extension/config.ts` | the form that agents before 1.0 take |
 * | `pi-extension/native.ts` | the form that agents since 1.0 take |
 */
import type { AgentModel, NativeProvider, Pi } from "./pi-extension/agent.js";
import { configOf } from "./pi-extension/config.js";
import { nativeOf } from "./pi-extension/native.js";
import { Subscription } from "./pi-extension/subscription.js";

export type { Pi } from "./pi-extension/agent.js";

const SUBSCRIPTIONS = [
  new Subscription("anthropic", "Anthropic (Claude Pro/Max)"),
  new Subscription("github-copilot", "GitHub Copilot"),
];

/** What the agent calls when it loads the extension. */
export default async function piAuth(pi: Pi): Promise<void> {
  const providers = await builtinProviders();
  const models = providers ? undefined : await builtinModels();
  for (const subscription of SUBSCRIPTIONS) {
    const builtin = providers?.find(({ id }) => id === subscription.provider);
    if (builtin) pi.registerProvider(nativeOf(builtin, subscription));
    else pi.registerProvider(subscription.provider, configOf(subscription, models));
  }
}

/** The providers of an agent that takes whole ones; `undefined` for one that does not. */
async function builtinProviders(): Promise<NativeProvider[] | undefined> {
  type All = { builtinProviders?: () => NativeProvider[] };
  const all = await imported<All>(["@earendil-works/pi-ai/providers/all"]);
  return all?.builtinProviders?.();
}

/** Tells the models that an agent knows of a provider. */
async function builtinModels(): Promise<((provider: string) => AgentModel[]) | undefined> {
  type Ai = { getModels?: (provider: string) => AgentModel[] };
  const ai = await imported<Ai>(["@mariozechner/pi-ai", "@earendil-works/pi-ai"]);
  return ai?.getModels;
}

/** The first of these modules that the agent has. It is the agent that resolves them, by its loader. */
async function imported<Module>(names: string[]): Promise<Module | undefined> {
  for (const name of names) {
    try {
      return (await import(name)) as Module;
    } catch {
      // Another agent, which has another of them.
    }
  }
  return undefined;
}
