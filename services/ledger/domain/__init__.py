"""The ledger's rules, pure: one aggregate or one calculation a file."""
