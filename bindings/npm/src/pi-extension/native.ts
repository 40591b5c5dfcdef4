/** The form that agents since 1.0 take. */
import type { Interaction } from "../interaction.js";
import type { NativeInteraction, NativeOAuth, NativeProvider } from "./agent.js";
import { carrying, orCancelled } from "./config.js";
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
    login: (interaction) => subscription.login(personOf(interaction), interaction.signal),
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

/** The person whom the agent asks. */
function personOf(interaction: NativeInteraction): Interaction {
  const progress = (message: string): void => interaction.notify({ type: "progress", message });
  return {
    present: true,
    prompt: ({ message, problem }, signal) => {
      const question = [problem, message].filter(Boolean).join(" ");
      return orCancelled(interaction.prompt({ type: "text", message: question, signal }));
    },
    show: ({ url, message, problem }) => {
      if (problem === null) interaction.notify({ type: "auth_url", url, instructions: message });
    },
    paste: ({ prompt, problem }, signal) => {
      const message = [problem, prompt].filter(Boolean).join(" ");
      return orCancelled(interaction.prompt({ type: "manual_code", message, signal }));
    },
    showCode: ({ user_code, verification_uri, open_browser, warning, expires_ms }) => {
      interaction.notify({
        type: "device_code",
        userCode: user_code,
        verificationUri: verification_uri,
        openBrowserOnConfirm: open_browser,
        expiresInSeconds: Math.max(0, Math.round((expires_ms - Date.now()) / 1000)),
      });
      // After that: the code takes the place of what was shown before.
      progress(warning);
    },
    // The agent opens what it shows.
    open: async () => true,
    waiting: (activity) => {
      if (activity !== undefined) progress(activity);
    },
  };
}
