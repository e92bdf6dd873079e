"""The assignment service (客户归属): customer managers, customers, and who looks after whom since when.

Streams: ``manager-<id>``, ``customer-<id>`` (registration and assignments), ``proposal-<customer id>#<id>``.
Topics: writes ``assignment.events`` (ManagerRegistered, CustomerRegistered,
CustomerAssigned).
Views: manager, customer, assignment, portfolio, proposal, dead_letter. Beside them ``personal_key``, which is
no view: names are kept sealed in events and views, one key a person, and erased by deleting the key.
Compliance: streams ``duty-<customer id>#<id>``, ``review-<customer id>``, ``suspicion-<customer id>#<id>`` and
``deposits-<shard>``; reads DepositPosted of ``core-banking.postings``; views duty, deposit_sum, deposit_seen, review,
review_due, suspicion.
"""
