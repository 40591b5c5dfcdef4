// A strict program with what this package offers beside that.
import { Auth, AuthError, type Interaction } from "pi-auth";
import { loadCore, type Effect, type Event, type Request } from "pi-auth/core";
import extension from "pi-auth/pi-extension";

export const expires = async (): Promise<number | null> => (await new Auth().token("anthropic")).key.expiresMs;
export const code = (error: unknown): string => (error instanceof AuthError ? error.code : "");
export const step = async (bytes: Uint8Array, request: Request, event: Event): Promise<Effect> =>
  (await loadCore(bytes)).start(request).step(event, Date.now());
export const interaction: Interaction = { present: true, prompt: async ({ message }) => message };
export const register: (pi: Parameters<typeof extension>[0]) => Promise<void> = extension;
