"""The ledger (总账): core events as booked, in both books; products, policy, statements, reconciliation.

Streams: ``customer-<id>`` (entries and the assignments they go by), ``manager-<id>`` (costs of a manager alone),
``product-<code>``, ``policy-bank``.
Topics: reads ``core-banking.postings`` and ``assignment.events``; writes ``ledger.events``.
Views: leg, centre_month, month, loan, assignment, product, policy, dead_letter.
"""
