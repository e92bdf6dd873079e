"""The simulated core bank: who is in it (people), what accounts and loans do (accounts, loans), and the
desk at which all of it becomes events (desk). ``deploy/local/simulator.py`` runs it day by day."""
