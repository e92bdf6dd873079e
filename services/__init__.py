"""The services. Each is its own process with its own database; they meet only in the event log."""
