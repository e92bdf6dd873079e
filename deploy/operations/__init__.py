"""Running an installation for years: backup and restore, and where its databases stand. The pages are beside it."""
