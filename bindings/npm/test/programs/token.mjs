// A process of its own that wants a token: `node token.mjs PROVIDER`. It prints it, and nothing else.
import { refreshToken } from "pi-auth";

process.stdout.write(`${await refreshToken(process.argv[2])}\n`);
