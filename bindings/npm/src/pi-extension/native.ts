/** The form that agents since 1.0 take. */
import type { NativeInteraction, NativeOAuth, NativeProvider } from "./agent.js";
import { carrying } from "./models.js";
import { personOf, type Agent } from "./person.js";
import type { Subscription } from "./subscription.js";

/**
 * The agent's own provider with `subscription`'s logins. Which of its models an account may use it
 * tells by itself, from what is stored with the login.
 */
export function nativeOf<Provider extends NativeProvider>(
  builtin: Provider,
  subscription: Subscription,
): Provider {
  const isCopilot = subscription.provider === "github-copilot";
  const oauth: NativeOAuth = {
    name: subscription.name,
    ...builtin.auth.oauth,
    login: (interaction) => subscription.login(personOf(agentOf(interaction)), interaction.signal),
    // The agent's signal is not passed on: see `Subscription.refresh`.
    refresh: (credential) => subscription.refresh(credential),
    toAuth: async (credential) => {
      const apiKey = credential.access;
      // To Anthropic the agent sends headers of its own, and where to is the person's setting.
      const baseUrl = isCopilot ? subscription.baseUrl(credential) : undefined;
      return { apiKey, ...(baseUrl !== undefined && { baseUrl }) };
    },
  };
  const provider = { ...builtin, auth: { ...builtin.auth, oauth } };
  if (!isCopilot) return provider;
  // The agent lets the headers of a model win over those of a login.
  const { headers } = subscription;
  const { getModels, getAllModels } = builtin;
  return {
    ...provider,
    getModels: () => getModels.call(builtin).map(carrying(headers)),
    ...(getAllModels && { getAllModels: () => getAllModels.call(builtin).map(carrying(headers)) }),
  };
}

/** How the agent speaks to the person. */
function agentOf(interaction: NativeInteraction): Agent {
  return {
    ask: (message, signal) => interaction.prompt({ type: "text", message, signal }),
    askForCode: (message, signal) => interaction.prompt({ type: "manual_code", message, signal }),
    showPage: (page) => interaction.notify({ type: "auth_url", ...page }),
    showCode: (code, openBrowserOnConfirm) =>
      interaction.notify({ type: "device_code", ...code, openBrowserOnConfirm }),
    progress: (message) => interaction.notify({ type: "progress", message }),
  };
}
