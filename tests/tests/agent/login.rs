//! With the extension: the agent's logins are the core's.
