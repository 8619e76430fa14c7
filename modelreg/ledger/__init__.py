"""Who accepted which text for which use: an append-only ledger, and the gate that asks it."""
