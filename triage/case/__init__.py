"""The case: one file with alerts, evidence, decisions and the place where the engine goes on."""
