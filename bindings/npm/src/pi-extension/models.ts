/** Copilot's models, as the agent is to have them. */
import type { AgentCredential, AgentModel } from "./agent.js";
import type { Subscription } from "./subscription.js";

/** Adds to a model the headers that its requests are to carry. */
export function carrying(headers: Record<string, string>): (model: AgentModel) => AgentModel {
  return (model) => ({ ...model, headers: { ...model.headers, ...headers } });
}

/** The models that this account may use, where they are for it; those of other providers as they are. */
export function modelsFor(
  subscription: Subscription,
  models: AgentModel[],
  credential: AgentCredential,
): AgentModel[] {
  const isOurs = ({ provider }: AgentModel): boolean => provider === subscription.provider;
  let baseUrl: string | undefined;
  try {
    baseUrl = subscription.baseUrl(credential);
  } catch {
    // An overrides file that cannot be used: the token goes nowhere, rather than to another server.
    return models.filter((model) => !isOurs(model));
  }
  const available = credential["availableModelIds"];
  const isAvailable = ({ id }: AgentModel): boolean =>
    !Array.isArray(available) || available.includes(id);
  return models
    .filter((model) => !isOurs(model) || isAvailable(model))
    .map((model) => (isOurs(model) && baseUrl ? { ...model, baseUrl } : model));
}
