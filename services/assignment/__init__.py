"""The assignment service (客户归属): customer managers, customers, and who looks after whom since when.

Streams: ``manager-<id>``, ``customer-<id>`` (registration and assignments), ``proposal-<customer id>#<id>``.
Topics: reads none so far; writes ``assignment.events`` (ManagerRegistered, CustomerRegistered,
CustomerAssigned).
Views: manager, customer, assignment, portfolio, proposal, dead_letter. Beside them ``personal_key``, which is
no view: names are kept sealed in events and views, one key a person, and erased by deleting the key.
"""
