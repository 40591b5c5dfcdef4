// What the agent is given. It makes its own modules known to TypeScript that it loads, and not to
// JavaScript of an ES module package: so this much is TypeScript when it is shipped.
import piAuth, { type Pi } from "./dist/pi-extension.js";

export default (pi: Pi): Promise<void> => piAuth(pi, (name) => import(name));
