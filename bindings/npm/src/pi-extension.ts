/**
 * The agent's own `/login`, `/logout` and `/model`, with this core behind them, for Anthropic and
 * GitHub Copilot: `pi -e npm:pi-auth`, or `pi install npm:pi-auth`.
 *
 * The agent stays what it was: it asks the person, keeps the credential, and calls for a refresh under
 * its own lock. What is asked of the provider, and what comes of the answer, the core decides.
 *
 * | file | what is in it |
 * |---|---|
 * | `pi-extension/agent.ts` | the agent, as far as it is used here |
 * | `pi-extension/subscription.ts` | jobs of the core over a credential that the agent keeps |
 * | `pi-extension/person.ts`, `pi-extension/models.ts` | what is shown and asked, and Copilot's models, for both forms of it |
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

/**
 * Registers the providers at the agent. `load` imports a module as the agent knows it; the one that
 * is given when the agent loads the package does (`extension.ts`).
 */
export default async function piAuth(
  pi: Pi,
  load: Load = (name) => import(name),
): Promise<void> {
  const providers = await builtinProviders(load);
  const models = providers ? undefined : await builtinModels(load);
  for (const subscription of SUBSCRIPTIONS) {
    const builtin = providers?.find(({ id }) => id === subscription.provider);
    if (builtin) pi.registerProvider(nativeOf(builtin, subscription));
    else pi.registerProvider(subscription.provider, configOf(subscription, models));
  }
}

type Load = (name: string) => Promise<unknown>;

/** The providers of an agent that takes whole ones; `undefined` for one that does not. */
async function builtinProviders(load: Load): Promise<NativeProvider[] | undefined> {
  type All = { builtinProviders?: () => NativeProvider[] };
  const all = await loaded<All>(load, ["@earendil-works/pi-ai/providers/all"]);
  return all?.builtinProviders?.();
}

/** Tells the models that an agent knows of a provider. */
async function builtinModels(
  load: Load,
): Promise<((provider: string) => AgentModel[]) | undefined> {
  type Ai = { getModels?: (provider: string) => AgentModel[] };
  const ai = await loaded<Ai>(load, ["@mariozechner/pi-ai", "@earendil-works/pi-ai"]);
  return ai?.getModels;
}

/** The first of these modules that the agent has. */
async function loaded<Module>(load: Load, names: string[]): Promise<Module | undefined> {
  for (const name of names) {
    try {
      return (await load(name)) as Module;
    } catch {
      // Another agent, which has another of them.
    }
  }
  return undefined;
}
