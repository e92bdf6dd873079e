"""The assignment service (客户归属): customer managers, customers, who looks after whom since when, and what is due.

Streams: ``manager-<id>``, ``customer-<id>`` (the record and its assignments), with ``#results`` and ``#loans`` the
register, ``proposal-<key>#<id>``, ``policy-bank``; for care ``visit-``, ``complaint-``, ``survey-``, ``referral-`` and
``feedback-``, for compliance ``duty-``, ``review-`` and ``suspicion-``, each in its customer's shard;
``deposits-<shard>``; ``allocation-…``, ``tender-<id>`` and ``handover-<manager>#<id>``.
Topics: writes ``assignment.events``; reads DepositPosted of ``core-banking.postings`` (large values), loan classes and
results of ``ledger.events`` (the register), ratings and grades of ``appraisal.events``.
Views: a file of ``views/`` is a table. Beside them ``personal_key``, which is no view: personal data is kept sealed in
events and views, one key a person, and erased by deleting the key.
"""
