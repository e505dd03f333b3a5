"""triage: watch endpoint logs live, understand each alert in a minute, and decide."""

__version__ = "0.1.0"
