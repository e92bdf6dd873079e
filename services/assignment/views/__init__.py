"""Read models of the assignment service: a file is a table is a URL, with its projection and queries."""
