"""Read models of the ledger: a file is a table is a URL. Each has its table, its projection and its queries."""
