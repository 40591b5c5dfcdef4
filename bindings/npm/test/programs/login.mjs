// A process of its own that logs in at its terminal: `node login.mjs PROVIDER`.
import { login } from "pi-auth";

await login(process.argv[2]);
