"""Read models of the appraisal: a file is a table is a URL, with table, projection and queries."""
